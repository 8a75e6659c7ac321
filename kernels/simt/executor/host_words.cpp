// The CUDA runtime's calls over the simt device's memory: see kernels/simt/host_words.h.

#include "kernels/simt/host_words.h"

#include <chrono>
#include <cstdlib>
#include <optional>
#include <stdexcept>

#include "kernels/error.h"
#include "kernels/simt/executor/device_memory.h"
#include "kernels/simt/memory.h"

using namespace vitrine;

struct CUevent_st {
    bool timed;
    std::optional<std::chrono::steady_clock::time_point> recorded{};
};

const char* cudaGetErrorName(cudaError_t status) {
    switch (status) {
        case cudaSuccess:
            return "cudaSuccess";
        case cudaErrorMemoryAllocation:
            return "cudaErrorMemoryAllocation";
        default:
            return "cudaErrorUnknown";
    }
}

const char* cudaGetErrorString(cudaError_t status) {
    return status == cudaErrorMemoryAllocation ? "out of memory" : "unknown error";
}

cudaError_t cudaGetLastError() { return cudaSuccess; }

cudaError_t cudaGetDeviceCount(int* count) {
    *count = 1;
    return cudaSuccess;
}

cudaError_t cudaMalloc(void** memory, size_t bytes) {
    try {
        *memory = simt::allocate(bytes);
        return cudaSuccess;
    } catch (const Error&) {
        return cudaErrorMemoryAllocation;
    }
}

cudaError_t cudaFree(void* memory) {
    simt::release(memory);
    return cudaSuccess;
}

cudaError_t cudaMallocHost(void** memory, size_t bytes) {
    *memory = std::malloc(bytes);
    return *memory != nullptr ? cudaSuccess : cudaErrorMemoryAllocation;
}

cudaError_t cudaMemGetInfo(size_t* free_bytes, size_t* total) {
    const simt::DeviceMemory& memory = simt::DeviceMemory::instance();
    *total = memory.total();
    *free_bytes = *total - memory.held();
    return cudaSuccess;
}

cudaError_t cudaMemcpyAsync(void* to, const void* from, size_t bytes, cudaMemcpyKind kind, cudaStream_t) {
    switch (kind) {
        case cudaMemcpyHostToDevice:
            simt::copy_from_host(to, from, bytes);
            break;
        case cudaMemcpyDeviceToHost:
            simt::copy_to_host(to, from, bytes);
            break;
        case cudaMemcpyDeviceToDevice:
            simt::copy(to, from, bytes);
    }
    return cudaSuccess;
}

cudaError_t cudaMemsetAsync(void* memory, int value, size_t bytes, cudaStream_t) {
    if (value != 0) throw std::logic_error("cudaMemsetAsync on the simt device sets zeros only");
    simt::zero(memory, bytes);
    return cudaSuccess;
}

cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned) {
    *stream = nullptr;
    return cudaSuccess;
}

cudaError_t cudaStreamSynchronize(cudaStream_t) { return cudaSuccess; }

cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned flags) {
    *event = new CUevent_st{.timed = (flags & cudaEventDisableTiming) == 0};
    return cudaSuccess;
}

cudaError_t cudaEventDestroy(cudaEvent_t event) {
    delete event;
    return cudaSuccess;
}

cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t) {
    event->recorded = std::chrono::steady_clock::now();
    return cudaSuccess;
}

cudaError_t cudaEventElapsedTime(float* milliseconds, cudaEvent_t start, cudaEvent_t end) {
    for (const cudaEvent_t event : {start, end}) {
        if (!event->timed || !event->recorded) return cudaErrorInvalidResourceHandle;
    }
    *milliseconds = std::chrono::duration<float, std::milli>(*end->recorded - *start->recorded).count();
    return cudaSuccess;
}

cudaError_t cudaEventSynchronize(cudaEvent_t) { return cudaSuccess; }

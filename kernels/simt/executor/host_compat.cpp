// The CUDA runtime's calls over the simt device's memory: see kernels/simt/host_compat.h.

#include "kernels/simt/host_compat.h"

#include <chrono>
#include <cstring>
#include <stdexcept>
#include <utility>

#include "kernels/error.h"
#include "kernels/simt/executor/device_memory.h"
#include "kernels/simt/executor/device_status.h"
#include "kernels/simt/executor/streams.h"
#include "kernels/simt/memory.h"

using namespace vitrine;
using simt::DeviceMemory;
using simt::DeviceStatus;
using simt::PendingCopy;
using simt::Streams;

namespace {

/// Leaves the error for cudaGetLastError too.
cudaError_t failed(cudaError_t status) { return simt::last_error = status; }

cudaError_t at_call() {
    const cudaError_t status = DeviceStatus::instance().at_call();
    return status == cudaSuccess ? cudaSuccess : failed(status);
}

cudaError_t at_wait() {
    const cudaError_t status = DeviceStatus::instance().at_wait();
    return status == cudaSuccess ? cudaSuccess : failed(status);
}

void require_allowed(void* to, const void* from, size_t bytes, cudaMemcpyKind kind) {
    const DeviceMemory& memory = DeviceMemory::instance();
    if (kind == cudaMemcpyHostToDevice) {
        memory.require(to, bytes, "a copy from the host would write");
        memory.require_host(from, bytes, "a copy from the host would read");
    } else if (kind == cudaMemcpyDeviceToHost) {
        memory.require(from, bytes, "a copy to the host would read");
        memory.require_host(to, bytes, "a copy to the host would write");
    } else {
        memory.require(to, bytes, "a copy would write");
        memory.require(from, bytes, "a copy would read");
    }
}

void ask(cudaStream_t stream, PendingCopy copy) {
    if (DeviceStatus::instance().failed()) return;  // it will never happen
    Streams::instance().ask(stream, std::move(copy));
}

}  // namespace

cudaError_t cudaGetLastError() {
    const cudaError_t status = DeviceStatus::instance().noticed();
    const cudaError_t last = std::exchange(simt::last_error, cudaSuccess);
    return status != cudaSuccess ? status : last;
}

cudaError_t cudaGetDeviceCount(int* count) {
    if (const cudaError_t status = at_call(); status != cudaSuccess) return status;
    *count = 1;
    return cudaSuccess;
}

cudaError_t cudaMalloc(void** memory, size_t bytes) {
    if (const cudaError_t status = at_call(); status != cudaSuccess) return status;
    try {
        *memory = simt::allocate(bytes);
        return cudaSuccess;
    } catch (const Error&) {
        return failed(cudaErrorMemoryAllocation);
    }
}

cudaError_t cudaFree(void* memory) {
    const cudaError_t status = at_wait();
    simt::release(memory);
    return status;
}

cudaError_t cudaMallocHost(void** memory, size_t bytes) {
    if (const cudaError_t status = at_call(); status != cudaSuccess) return status;
    *memory = Streams::instance().allocate_pinned(bytes);
    return cudaSuccess;
}

cudaError_t cudaFreeHost(void* memory) {
    if (memory == nullptr) return at_wait();
    Streams::instance().finish_all();
    if (!Streams::instance().release_pinned(memory)) return failed(cudaErrorInvalidValue);
    return at_wait();
}

cudaError_t cudaMemGetInfo(size_t* free_bytes, size_t* total) {
    if (const cudaError_t status = at_call(); status != cudaSuccess) return status;
    const DeviceMemory& memory = DeviceMemory::instance();
    *total = memory.total();
    *free_bytes = *total - memory.held();
    return cudaSuccess;
}

cudaError_t cudaMemcpyAsync(void* to, const void* from, size_t bytes, cudaMemcpyKind kind,
                            cudaStream_t stream) {
    if (const cudaError_t status = at_call(); status != cudaSuccess) return status;
    require_allowed(to, from, bytes, kind);
    if (bytes == 0) return cudaSuccess;
    PendingCopy copy{to, from, bytes};
    if (kind == cudaMemcpyHostToDevice && !Streams::instance().is_pinned(from, bytes)) {
        const auto* source = static_cast<const unsigned char*>(from);
        copy.staged.assign(source, source + bytes);
    }
    if (kind == cudaMemcpyDeviceToHost) std::memset(to, 0xFF, bytes);
    ask(stream, std::move(copy));
    return cudaSuccess;
}

cudaError_t cudaMemsetAsync(void* memory, int value, size_t bytes, cudaStream_t stream) {
    if (const cudaError_t status = at_call(); status != cudaSuccess) return status;
    if (value != 0) throw std::logic_error("cudaMemsetAsync on the simt device sets zeros only");
    DeviceMemory::instance().require(memory, bytes, "zeroing would write");
    if (bytes != 0) ask(stream, {memory, nullptr, bytes});
    return cudaSuccess;
}

cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned) {
    if (const cudaError_t status = at_call(); status != cudaSuccess) return status;
    *stream = Streams::instance().create_stream();
    return cudaSuccess;
}

cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
    if (const cudaError_t status = at_wait(); status != cudaSuccess) return status;
    Streams::instance().finish(stream);
    return cudaSuccess;
}

cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned flags) {
    if (const cudaError_t status = at_call(); status != cudaSuccess) return status;
    *event = Streams::instance().create_event((flags & cudaEventDisableTiming) == 0);
    return cudaSuccess;
}

cudaError_t cudaEventDestroy(cudaEvent_t event) {
    Streams::instance().destroy(event);
    return cudaSuccess;
}

cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
    if (const cudaError_t status = at_call(); status != cudaSuccess) return status;
    Streams::instance().record(event, stream, DeviceStatus::instance().failed());
    return cudaSuccess;
}

/// Waits for nothing that was launched after the event was recorded.
cudaError_t cudaEventSynchronize(cudaEvent_t event) {
    const cudaError_t status = event->after_failure ? at_wait() : at_call();
    if (status != cudaSuccess) return status;
    Streams::instance().finish(event);
    return cudaSuccess;
}

cudaError_t cudaEventElapsedTime(float* milliseconds, cudaEvent_t start, cudaEvent_t end) {
    if (const cudaError_t status = at_call(); status != cudaSuccess) return status;
    for (const cudaEvent_t event : {start, end}) {
        if (!event->timed || event->stream == nullptr) return failed(cudaErrorInvalidResourceHandle);
    }
    *milliseconds = std::chrono::duration<float, std::milli>(end->recorded - start->recorded).count();
    return cudaSuccess;
}

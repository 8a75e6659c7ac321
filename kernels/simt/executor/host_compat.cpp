// The CUDA runtime's calls over the simt device's memory: see kernels/simt/host_compat.h.

#include "kernels/simt/host_compat.h"

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <utility>

#include "kernels/error.h"
#include "kernels/simt/executor/device_memory.h"
#include "kernels/simt/executor/device_status.h"
#include "kernels/simt/executor/graphs.h"
#include "kernels/simt/executor/streams.h"
#include "kernels/simt/kernel_code.h"
#include "kernels/simt/memory.h"

using namespace vitrine;
using simt::Captures;
using simt::CopyNode;
using simt::DeviceMemory;
using simt::DeviceStatus;
using simt::GridRequest;
using simt::PendingCopy;
using simt::Streams;

namespace {

std::atomic<int> compute_capability{90};
std::atomic<int> chosen_device{0};

int device_count() {
    const char* const given = std::getenv("VITRINE_SIMT_GPUS");
    return given == nullptr ? 1 : std::atoi(given);
}

/// Leaves the error for cudaGetLastError too.
cudaError_t failed(cudaError_t status) { return simt::last_error = status; }

cudaError_t at_call() {
    const cudaError_t status = DeviceStatus::instance().at_call();
    return status == cudaSuccess ? cudaSuccess : failed(status);
}

/// Of a call that no thread may make while it captures.
cudaError_t at_unsafe_call() {
    const cudaError_t status = at_call();
    if (status != cudaSuccess) return status;
    const cudaError_t captured = Captures::instance().at_unsafe_call();
    return captured == cudaSuccess ? cudaSuccess : failed(captured);
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

bool is_captured(cudaStream_t stream) { return Captures::instance().captures(stream); }

/// Of a call that asks something of a captured stream.
cudaError_t captured(cudaError_t status) { return status == cudaSuccess ? cudaSuccess : failed(status); }

cudaError_t refuse(cudaStream_t stream) { return failed(Captures::instance().refuse(stream)); }

void ask(cudaStream_t stream, PendingCopy copy) {
    if (DeviceStatus::instance().failed()) return;  // it will never happen
    Streams::instance().ask(stream, std::move(copy));
}

/// Ordinary memory would have to be read at the call, or written while nobody can know when.
cudaError_t capture_copy(cudaStream_t stream, const CopyNode& copy) {
    const bool up = copy.kind == cudaMemcpyHostToDevice, down = copy.kind == cudaMemcpyDeviceToHost;
    const void* const on_host = up ? copy.from : copy.to;
    if ((up || down) && !Streams::instance().is_pinned(on_host, copy.bytes)) return refuse(stream);
    return captured(Captures::instance().add(stream, copy));
}

void ask_for_copy(void* to, const void* from, size_t bytes, cudaMemcpyKind kind, cudaStream_t stream) {
    PendingCopy copy{to, from, bytes};
    if (kind == cudaMemcpyHostToDevice && !Streams::instance().is_pinned(from, bytes)) {
        const auto* source = static_cast<const unsigned char*>(from);
        copy.staged.assign(source, source + bytes);
    }
    if (kind == cudaMemcpyDeviceToHost) std::memset(to, 0xFF, bytes);
    ask(stream, std::move(copy));
}

/// The memory may be gone since the capture, on either side.
void replay(const CopyNode& copy, cudaStream_t stream) {
    if (copy.from == nullptr) {
        DeviceMemory::instance().require(copy.to, copy.bytes, "zeroing in a graph would write");
        return ask(stream, {copy.to, nullptr, copy.bytes});
    }
    const bool up = copy.kind == cudaMemcpyHostToDevice, down = copy.kind == cudaMemcpyDeviceToHost;
    const void* const on_host = up ? copy.from : copy.to;
    if ((up || down) && !Streams::instance().is_pinned(on_host, copy.bytes))
        throw Error("a copy in a graph would touch pinned memory that was given back");
    require_allowed(copy.to, copy.from, copy.bytes, copy.kind);
    ask_for_copy(copy.to, copy.from, copy.bytes, copy.kind, stream);
}

}  // namespace

cudaError_t cudaGetLastError() {
    const cudaError_t status = DeviceStatus::instance().noticed();
    const cudaError_t last = std::exchange(simt::last_error, cudaSuccess);
    return status != cudaSuccess ? status : last;
}

cudaError_t cudaGetDeviceCount(int* count) {
    if (const cudaError_t status = at_call(); status != cudaSuccess) return status;
    *count = device_count();
    return cudaSuccess;
}

cudaError_t cudaSetDevice(int device) {
    if (const cudaError_t status = at_call(); status != cudaSuccess) return status;
    if (device < 0 || device >= device_count()) return failed(cudaErrorInvalidDevice);
    chosen_device = device;
    return cudaSuccess;
}

cudaError_t cudaGetDevice(int* device) {
    *device = chosen_device;
    return cudaSuccess;
}

cudaError_t cudaFuncGetAttributes(cudaFuncAttributes* attributes, const void* /*kernel*/) {
    if (const cudaError_t status = at_call(); status != cudaSuccess) return status;
    attributes->ptxVersion = compute_capability;
    return cudaSuccess;
}

void simt::set_compute_capability(int capability) { compute_capability = capability; }

cudaError_t cudaMalloc(void** memory, size_t bytes) {
    if (const cudaError_t status = at_unsafe_call(); status != cudaSuccess) return status;
    try {
        *memory = simt::allocate(bytes);
        return cudaSuccess;
    } catch (const Error&) {
        return failed(cudaErrorMemoryAllocation);
    }
}

cudaError_t cudaFree(void* memory) {
    if (const cudaError_t status = Captures::instance().at_unsafe_call(); status != cudaSuccess)
        return failed(status);
    const cudaError_t status = at_wait();
    simt::release(memory);
    return status;
}

cudaError_t cudaMallocHost(void** memory, size_t bytes) {
    if (const cudaError_t status = at_unsafe_call(); status != cudaSuccess) return status;
    *memory = Streams::instance().allocate_pinned(bytes);
    return cudaSuccess;
}

cudaError_t cudaFreeHost(void* memory) {
    if (const cudaError_t status = Captures::instance().at_unsafe_call(); status != cudaSuccess)
        return failed(status);
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
    if (is_captured(stream)) return capture_copy(stream, {to, from, bytes, kind});
    ask_for_copy(to, from, bytes, kind, stream);
    return cudaSuccess;
}

cudaError_t cudaMemsetAsync(void* memory, int value, size_t bytes, cudaStream_t stream) {
    if (const cudaError_t status = at_call(); status != cudaSuccess) return status;
    if (value != 0) throw std::logic_error("cudaMemsetAsync on the simt device sets zeros only");
    DeviceMemory::instance().require(memory, bytes, "zeroing would write");
    if (bytes == 0) return cudaSuccess;
    if (is_captured(stream))
        return captured(Captures::instance().add(stream, CopyNode{memory, nullptr, bytes}));
    ask(stream, {memory, nullptr, bytes});
    return cudaSuccess;
}

cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned) {
    if (const cudaError_t status = at_call(); status != cudaSuccess) return status;
    *stream = Streams::instance().create_stream();
    return cudaSuccess;
}

cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
    if (is_captured(stream)) return refuse(stream);
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
    if (is_captured(stream)) return refuse(stream);
    Streams::instance().record(event, stream, DeviceStatus::instance().failed());
    return cudaSuccess;
}

/// Waits for nothing that was launched after the event was recorded.
cudaError_t cudaEventSynchronize(cudaEvent_t event) {
    const cudaError_t status = event->after_failure ? at_wait() : at_unsafe_call();
    if (status != cudaSuccess) return status;
    Streams::instance().finish(event);
    return cudaSuccess;
}

cudaError_t cudaEventQuery(cudaEvent_t event) {
    const cudaError_t status = event->after_failure ? at_wait() : at_call();
    if (status != cudaSuccess) return status;
    return Streams::instance().has_happened(event) ? cudaSuccess : failed(cudaErrorNotReady);
}

cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned) {
    if (const cudaError_t status = at_call(); status != cudaSuccess) return status;
    if (is_captured(stream)) return refuse(stream);
    Streams::instance().wait(stream, event);
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

cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode mode) {
    if (const cudaError_t status = at_call(); status != cudaSuccess) return status;
    return captured(Captures::instance().begin(stream, mode));
}

cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t* graph) {
    if (const cudaError_t status = at_call(); status != cudaSuccess) return status;
    return captured(Captures::instance().end(stream, graph));
}

cudaError_t cudaStreamIsCapturing(cudaStream_t stream, cudaStreamCaptureStatus* status) {
    *status = Captures::instance().status(stream);
    return cudaSuccess;
}

cudaError_t cudaGraphInstantiateWithFlags(cudaGraphExec_t* executable, cudaGraph_t graph,
                                          unsigned long long) {
    if (const cudaError_t status = at_call(); status != cudaSuccess) return status;
    *executable = new CUgraphExec_st{graph->nodes};
    return cudaSuccess;
}

cudaError_t cudaGraphLaunch(cudaGraphExec_t executable, cudaStream_t stream) {
    if (const cudaError_t status = at_call(); status != cudaSuccess) return status;
    if (is_captured(stream)) return refuse(stream);
    for (const simt::GraphNode& node : executable->nodes) {
        if (const auto* const copy = std::get_if<CopyNode>(&node)) {
            replay(*copy, stream);
        } else {
            GridRequest request = std::get<simt::LaunchNode>(node).request();
            request.stream = stream;
            simt::replay_grid(request);
        }
    }
    return cudaSuccess;
}

cudaError_t cudaGraphExecDestroy(cudaGraphExec_t executable) {
    delete executable;
    return cudaSuccess;
}

cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
    delete graph;
    return cudaSuccess;
}

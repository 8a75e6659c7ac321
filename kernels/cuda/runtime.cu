// The device's runtime: memory, copies, and the stream that everything runs on, with two lanes beside it.
//
// Copies from the host go through pinned memory (staging_ring.h): the caller's is free as soon as the call
// returns. Freed memory is kept for reuse one floor up (engine/memory.h, and Scratch in
// context.h), the same way for every device.

#include "kernels/cuda/runtime.h"

#include <map>
#include <mutex>
#include <optional>
#include <string>

#include "kernels/cuda/pinned_blocks.h"
#include "kernels/cuda/staging_ring.h"
#include "kernels/devices.h"
#include "kernels/error.h"
#include "kernels/unusable_device.h"

namespace vitrine::VITRINE_GPU {
namespace {

const char* advice(cudaError_t status) {
    switch (status) {
        case cudaErrorMemoryAllocation:
            return "try a smaller batch size or image size";
        case cudaErrorInsufficientDriver:
            return "see what nvidia-smi says, or choose --device cpu";
        case cudaErrorNoDevice:
            return "see whether nvidia-smi lists a GPU and CUDA_VISIBLE_DEVICES does not hide it, or choose "
                   "--device cpu";
        default:
            return "try again with --device cpu to see whether it is the device";
    }
}

std::string in_mebibytes(size_t bytes) { return std::to_string(bytes >> 20) + " MiB"; }

/// Everything of the device that lives as long as the program. Never destroyed: the driver may be gone by the
/// time that static objects are.
struct DeviceState {
    cudaStream_t stream = nullptr;
    cudaStream_t lanes[2]{};         // beside it, by LaneOf; null until the first Lane
    cudaStream_t current = nullptr;  // the one of the three that calls go to
    cudaEvent_t reached = nullptr;   // recorded on one of them, for another to wait for
    cudaEvent_t mark = nullptr;      // on the first, for the host
    StagingRing staging;
    PinnedBlocks pinned;
    std::optional<Lane> input;
    bool capturing = false;
    std::mutex mutex;               // of what follows
    std::map<void*, size_t> sizes;  // of every allocation, which cudaFree does not tell
    size_t held = 0;                // their sum

    DeviceState() {
        VITRINE_CUDA(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
        for (cudaEvent_t* event : {&reached, &mark})
            VITRINE_CUDA(cudaEventCreateWithFlags(event, cudaEventDisableTiming));
        current = stream;
    }
};

DeviceState& device_state() {
    static DeviceState& state = *new DeviceState;
    return state;
}

/// Throws Error while a graph is captured: `what` cannot be part of one.
void require_no_capture(const char* what) {
    if (device_state().capturing) throw Error(std::string("a graph cannot hold that ") + what);
}

size_t free_memory() {
    size_t free_bytes = 0, total = 0;
    VITRINE_CUDA(cudaMemGetInfo(&free_bytes, &total));
    return free_bytes;
}

[[noreturn]] void throw_out_of_memory(size_t bytes) {
    size_t free_bytes = 0, total = 0;
    VITRINE_CUDA(cudaMemGetInfo(&free_bytes, &total));
    throw Error("out of device memory: " + in_mebibytes(bytes) + " were asked for, " +
                in_mebibytes(device_state().held) + " are held by this program and " +
                in_mebibytes(free_bytes) + " of " + in_mebibytes(total) + " are free; " +
                advice(cudaErrorMemoryAllocation));
}

void* allocate_memory(size_t bytes) {
    require_no_capture("memory is allocated");
    DeviceState& device = device_state();
    void* memory = nullptr;
    const cudaError_t status = cudaMalloc(&memory, bytes == 0 ? 1 : bytes);
    if (status == cudaErrorMemoryAllocation) {
        static_cast<void>(cudaGetLastError());  // else the next launch would report it again
        throw_out_of_memory(bytes);
    }
    require_success(status, "cudaMalloc", __FILE__, __LINE__);
    const std::lock_guard lock(device.mutex);
    device.sizes[memory] = bytes;
    device.held += bytes;
    return memory;
}

/// Waits for the kernels that may still use the memory: cudaFree does.
void release_memory(void* memory) {
    if (memory == nullptr) return;
    DeviceState& device = device_state();
    // Destructors call this, also when the driver has freed everything before them or after a kernel has gone
    // wrong: cudaFree fails then, and the next call that may throw says so again.
    static_cast<void>(cudaFree(memory));
    const std::lock_guard lock(device.mutex);
    const auto size = device.sizes.find(memory);
    if (size == device.sizes.end()) return;
    device.held -= size->second;
    device.sizes.erase(size);
}

void copy_in(void* to, const void* from_host, size_t bytes) {
    require_no_capture("bytes come from the host");
    device_state().staging.send(to, from_host, bytes, stream());
}

void synchronise() {
    require_no_capture("the host waits for the device");
    const uint64_t launches = launch_log().count();
    VITRINE_CUDA(cudaStreamSynchronize(stream()));
    launch_log().complete(launches);
}

void copy_out(void* to_host, const void* from, size_t bytes) {
    if (bytes == 0) return;
    require_no_capture("the host waits for bytes of the device");
    VITRINE_CUDA(cudaMemcpyAsync(to_host, from, bytes, cudaMemcpyDeviceToHost, stream()));
    synchronise();
}

void copy_inside(void* to, const void* from, size_t bytes) {
    if (bytes == 0) return;
    VITRINE_CUDA(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToDevice, stream()));
}

void zero_memory(void* memory, size_t bytes) {
    if (bytes == 0) return;
    VITRINE_CUDA(cudaMemsetAsync(memory, 0, bytes, stream()));
}

// Graphs. Only this thread's calls are forbidden what a capture forbids: others may decode images meanwhile.

void begin_capture() {
    VITRINE_CUDA(cudaStreamBeginCapture(stream(), cudaStreamCaptureModeThreadLocal));
    launch_log().begin_capture();
    device_state().capturing = true;
}

cudaError_t end_stream_capture(cudaGraph_t& graph, uint64_t& kernels) {
    kernels = launch_log().end_capture();
    device_state().capturing = false;
    return cudaStreamEndCapture(stream(), &graph);
}

void* end_capture(uint64_t& kernels) {
    cudaGraph_t graph = nullptr;
    VITRINE_CUDA(end_stream_capture(graph, kernels));
    cudaGraphExec_t executable = nullptr;
    const cudaError_t status = cudaGraphInstantiateWithFlags(&executable, graph, 0);
    static_cast<void>(cudaGraphDestroy(graph));
    require_success(status, "cudaGraphInstantiateWithFlags", __FILE__, __LINE__);
    return executable;
}

/// Where an exception goes by: whatever failed has been told.
void abandon_capture() {
    cudaGraph_t graph = nullptr;
    uint64_t kernels = 0;
    if (end_stream_capture(graph, kernels) == cudaSuccess)
        static_cast<void>(cudaGraphDestroy(graph));
    else
        static_cast<void>(cudaGetLastError());  // else the next launch would report it again
}

void launch_graph(void* graph, uint64_t kernels) {
    VITRINE_CUDA(cudaGraphLaunch(static_cast<cudaGraphExec_t>(graph), stream()));
    launch_log().add_graph(kernels);
}

/// A launch that is still under way ends well. Called by destructors, also when the driver has gone.
void release_graph(void* graph) {
    static_cast<void>(cudaGraphExecDestroy(static_cast<cudaGraphExec_t>(graph)));
}

}  // namespace

void require_success(cudaError_t status, const char* call, const char* file, int line) {
    if (status == cudaSuccess) return;
    const std::string sentence = std::string(call) + " at " + file + ":" + std::to_string(line) +
                                 " failed: " + cudaGetErrorString(status) + " (" + cudaGetErrorName(status) +
                                 "); ";
    if (is_device_fault(status)) {
        throw DeviceFault(sentence + launch_log().suspects() + "; gradcheck --device simt finds where");
    }
    throw Error(sentence + advice(status));
}

namespace {

__global__ void __launch_bounds__(1) probe() {}

/// Launches the smallest kernel: it fails where the build has no code that the GPU can run.
void require_code_for_this_gpu() {
    try {
        launch(probe, 1, 1, 0, stream());
    } catch (const Error& error) {
        throw UnusableDevice(
            std::string("device cuda cannot be used here: ") + error.what() +
                "; build for this GPU (CMAKE_CUDA_ARCHITECTURES=native), or choose --device cpu",
            "this build cannot use the GPU: --device cuda says why");
    }
}

/// CUDA's own words for the commonest case speak of versions where there is nothing at all.
std::string why_unusable(cudaError_t status) {
    const bool no_driver = status == cudaErrorInsufficientDriver;
    return std::string(no_driver ? "there is no NVIDIA driver, or one older than this program's CUDA"
                                 : cudaGetErrorString(status)) +
           "; " + advice(status);
}

const char* unusable_in_short(cudaError_t status) {
    const bool absent = status == cudaErrorInsufficientDriver || status == cudaErrorNoDevice;
    return absent ? "no NVIDIA GPU with a driver here" : "the GPU cannot be used: --device cuda says why";
}

}  // namespace

void require_usable() {
    static const bool usable = [] {
        int count = 0;
        cudaError_t status = cudaGetDeviceCount(&count);
        if (status == cudaSuccess && count == 0) status = cudaErrorNoDevice;
        if (status != cudaSuccess) {
            throw UnusableDevice("device cuda cannot be used here: " + why_unusable(status),
                                 unusable_in_short(status));
        }
        require_code_for_this_gpu();
        return true;
    }();
    static_cast<void>(usable);
}

cudaStream_t stream() { return device_state().current; }

namespace {

/// What `behind` is asked for from now on comes behind what `before` was asked for.
void order(cudaStream_t behind, cudaStream_t before) {
    const cudaEvent_t reached = device_state().reached;
    VITRINE_CUDA(cudaEventRecord(reached, before));
    VITRINE_CUDA(cudaStreamWaitEvent(behind, reached, 0));
}

}  // namespace

Lane::Lane(LaneOf use) {
    require_no_capture("a second stream runs beside the first");
    DeviceState& device = device_state();
    cudaStream_t& lane = device.lanes[static_cast<size_t>(use)];
    if (lane == nullptr) VITRINE_CUDA(cudaStreamCreateWithFlags(&lane, cudaStreamNonBlocking));
    order(lane, device.stream);
    device.current = lane;
}

Lane::~Lane() { device_state().current = device_state().stream; }

void join_lanes(LaneOf use) {
    const DeviceState& device = device_state();
    const cudaStream_t lane = device.lanes[static_cast<size_t>(use)];
    if (lane != nullptr) order(device.stream, lane);
}

void set_mark() { VITRINE_CUDA(cudaEventRecord(device_state().mark, device_state().stream)); }

bool is_past_mark() {
    const cudaError_t status = cudaEventQuery(device_state().mark);
    if (status == cudaErrorNotReady) {
        static_cast<void>(cudaGetLastError());  // else the next launch would report it
        return false;
    }
    require_success(status, "cudaEventQuery", __FILE__, __LINE__);
    return true;
}

int gpu_count() {
    int count = 0;
    if (cudaGetDeviceCount(&count) == cudaSuccess) return count;
    static_cast<void>(cudaGetLastError());
    return 0;
}

namespace {
int chosen_gpu = 0;

void* allocate_pinned(size_t bytes) { return device_state().pinned.allocate(bytes, chosen_gpu); }
void release_pinned(void* memory) { device_state().pinned.release(memory); }
void send_pinned(void* to, const void* memory, size_t first, size_t bytes) {
    require_no_capture("bytes come from the host");
    device_state().pinned.send(to, memory, first, bytes, stream());
}
void wait_for_pinned(const void* memory) { device_state().pinned.wait(memory); }

void open_input_lane() { device_state().input.emplace(LaneOf::input); }
void close_input_lane() { device_state().input.reset(); }
void join_input_lane() { join_lanes(LaneOf::input); }

}  // namespace

void choose_gpu(int number) {
    VITRINE_CUDA(cudaSetDevice(number));
    chosen_gpu = number;
}

dim3 blocks_for(int64_t count, int threads_per_block) {
    const int64_t blocks = divide_up(count, int64_t{threads_per_block});
    if (!fits_int(blocks)) {
        throw Error("a kernel over " + std::to_string(count) +
                    " elements needs more blocks than a grid can have: try a smaller batch size");
    }
    return dim3(static_cast<unsigned>(blocks));
}

const Runtime& runtime() {
    static constexpr GraphFunctions graphs{nullptr,         begin_capture, end_capture,
                                           abandon_capture, launch_graph,  release_graph};
    static constexpr PinnedFunctions pinned{allocate_pinned, release_pinned, send_pinned, wait_for_pinned};
    static constexpr LaneFunctions input_lane{open_input_lane, close_input_lane, join_input_lane};
    static constexpr Runtime functions{allocate_memory, release_memory, copy_in,     copy_out,
                                       copy_inside,     zero_memory,    free_memory, synchronise,
                                       false,           graphs,         pinned,      input_lane};
    return functions;
}

}  // namespace vitrine::VITRINE_GPU

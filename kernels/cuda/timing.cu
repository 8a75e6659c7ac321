// The device's clock, CUDA's events, and its peaks: multiply-adds on registers, and a copy of whole packs.

#include "kernels/timing.h"

#include "kernels/cuda/runtime.h"
#include "kernels/devices.h"

namespace vitrine::VITRINE_GPU {
namespace {

constexpr int threads = 256;

// Eight independent chains a thread: with two or more blocks on a multiprocessor its f32 units never wait.

constexpr int chains = 8;
constexpr int rounds = 512;

__global__ void __launch_bounds__(threads) multiply_add_chains(float* sink, float factor, float term) {
    float value[chains];
    VITRINE_UNROLL
    for (int i = 0; i < chains; ++i) value[i] = static_cast<float>(threadIdx.x) + static_cast<float>(i);
    for (int round = 0; round < rounds; ++round) {
        VITRINE_UNROLL
        for (int i = 0; i < chains; ++i) value[i] = multiply_add(value[i], factor, term);
    }
    float sum = 0.0f;
    VITRINE_UNROLL
    for (int i = 0; i < chains; ++i) sum += value[i];
    if (sum < 0.0f) *sink = sum;  // which it never is, and the compiler does not know
}

double multiply_adds(int64_t amount) {
    launch(multiply_add_chains, blocks_for(amount * threads, threads), threads, 0, stream(),
           static_cast<float*>(nullptr), 0.999f, 0.001f);
    return 2.0 * chains * rounds * threads * static_cast<double>(amount);
}

__global__ void __launch_bounds__(threads) stream_packs(ReadOnly<float> from, float* to, int64_t packs) {
    const int64_t i = thread_index();
    if (i < packs) store_pack(to + 4 * i, load_pack(from + 4 * i));
}

void stream_bytes(void* to, const void* from, size_t bytes) {
    const auto packs = static_cast<int64_t>(bytes / sizeof(Pack<float>));
    launch(stream_packs, blocks_for(packs, threads), threads, 0, stream(), static_cast<const float*>(from),
           static_cast<float*>(to), packs);
}

void* make_moment() {
    cudaEvent_t event = nullptr;
    VITRINE_CUDA(cudaEventCreateWithFlags(&event, cudaEventDefault));
    return event;
}

/// Called by destructors, also after the driver has gone: what cudaEventDestroy says then is of no use.
void release_moment(void* moment) { static_cast<void>(cudaEventDestroy(static_cast<cudaEvent_t>(moment))); }

void set_moment(void* moment) { VITRINE_CUDA(cudaEventRecord(static_cast<cudaEvent_t>(moment), stream())); }

double seconds_between(void* from, void* to) {
    float milliseconds = 0.0f;
    VITRINE_CUDA(cudaEventSynchronize(static_cast<cudaEvent_t>(to)));
    VITRINE_CUDA(
        cudaEventElapsedTime(&milliseconds, static_cast<cudaEvent_t>(from), static_cast<cudaEvent_t>(to)));
    return 1e-3 * static_cast<double>(milliseconds);
}

#ifdef __CUDACC__
size_t cache_bytes() {
    int device = 0, bytes = 0;
    VITRINE_CUDA(cudaGetDevice(&device));
    VITRINE_CUDA(cudaDeviceGetAttribute(&bytes, cudaDevAttrL2CacheSize, device));
    return static_cast<size_t>(bytes);
}
#else
size_t cache_bytes() { return 0; }
#endif

}  // namespace

const Timing& timing() {
    require_usable();
    static constexpr Timing functions{make_moment,   release_moment, set_moment,  seconds_between,
                                      multiply_adds, stream_bytes,   cache_bytes, true};
    return functions;
}

}  // namespace vitrine::VITRINE_GPU

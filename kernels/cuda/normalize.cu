// Batch norm without x: from the moments that a convolution leaves behind to scale and shift, one thread a channel.
//
// A few hundred numbers each way, so that nothing counts but the launch itself. All of it in f64: a channel's handful
// of operations is nothing to a GPU of few f64 units either, and scale and shift are then rounded once.

#include <cmath>

#include "kernels/cuda/gpu.h"

namespace vitrine::VITRINE_GPU {
namespace {

constexpr int threads = 64;

template <class T>
__device__ __forceinline__ double at(const void* values, int64_t channel) {
    return static_cast<double>(static_cast<const T*>(values)[channel]);
}

template <class T>
__device__ __forceinline__ void put(void* values, int64_t channel, double value) {
    static_cast<T*>(values)[channel] = static_cast<T>(value);
}

/// running ← (1 − momentum) · running + momentum · batch
template <class T>
__device__ __forceinline__ void move(void* running, int64_t channel, double batch, double momentum) {
    put<T>(running, channel, (1 - momentum) * at<T>(running, channel) + momentum * batch);
}

template <class T>
__global__ void __launch_bounds__(threads) normalize_channels(NormalizeForward args) {
    const int64_t c = thread_index();
    if (c >= args.channels) return;
    const double rows = static_cast<double>(args.rows);
    double mean, variance;
    if (args.training) {
        const double m2 = at<T>(args.m2, c);
        mean = at<T>(args.mean, c);
        variance = m2 / rows;
        move<T>(args.running_mean, c, mean, args.momentum);
        move<T>(args.running_variance, c, m2 / (rows - 1), args.momentum);
    } else {
        mean = at<T>(args.running_mean, c);
        variance = at<T>(args.running_variance, c);
    }
    const double rstd = 1 / std::sqrt(variance + args.epsilon);
    const ScaleAndShift<double> affine(mean, rstd, at<T>(args.weight, c), at<T>(args.bias, c));
    put<T>(args.rstd, c, rstd);
    put<T>(args.scale, c, affine.scale);
    put<T>(args.shift, c, affine.shift);
}

template <class T>
__global__ void __launch_bounds__(threads)
    normalize_gradients(NormalizeBackward args, GradientWriter<T> d_mean, GradientWriter<T> d_m2,
                        GradientWriter<T> d_weight, GradientWriter<T> d_bias) {
    const int64_t c = thread_index();
    if (c >= args.channels) return;
    const NormalizeGradients<double> gradients(static_cast<double>(args.rows), at<T>(args.mean, c),
                                               at<T>(args.rstd, c), at<T>(args.weight, c),
                                               at<T>(args.d_scale, c), at<T>(args.d_shift, c));
    if (d_mean) d_mean(c, static_cast<T>(gradients.d_mean));
    if (d_m2) d_m2(c, static_cast<T>(gradients.d_m2));
    if (d_weight) d_weight(c, static_cast<T>(gradients.d_weight));
    if (d_bias) d_bias(c, static_cast<T>(gradients.d_bias));
}

constexpr auto run_forward = computed_types([]<class T>(const NormalizeForward& args, Context&) {
    if (args.channels == 0) return;
    launch(normalize_channels<T>, blocks_for(args.channels, threads), threads, 0, stream(), args);
});

constexpr auto run_backward = computed_types([]<class T>(const NormalizeBackward& args, Context&) {
    if (args.channels == 0) return;
    launch(normalize_gradients<T>, blocks_for(args.channels, threads), threads, 0, stream(), args,
           GradientWriter<T>(args.d_mean), GradientWriter<T>(args.d_m2), GradientWriter<T>(args.d_weight),
           GradientWriter<T>(args.d_bias));
});

constexpr Implementation<NormalizeForward> forward_list[]{{"formula", refuses_nothing, run_forward}};
constexpr Implementation<NormalizeBackward> backward_list[]{{"formula", refuses_nothing, run_backward}};

}  // namespace

const Kernel<NormalizeForward> normalize_forward{"normalize_forward", forward_list};
const Kernel<NormalizeBackward> normalize_backward{"normalize_backward", backward_list};

}  // namespace vitrine::VITRINE_GPU

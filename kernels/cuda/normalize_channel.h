// The formulas of normalize (kernels/norm.h) for one channel: of its own kernel, and of kernels that do the norm which follows
// them with the sums that they have just finished (kernels/norms_behind.h).
//
// All of it in f64: a channel's handful of operations is nothing to a GPU of few f64 units either, and scale and shift are
// then rounded once. T is the type of a channel's numbers.
#pragma once

#include <cmath>

#include "kernels/cuda/gpu.h"

namespace vitrine::VITRINE_GPU {

/// From moments, or the running statistics, to scale and shift.
template <class T>
struct NormOfMoments {
    const T* weight = nullptr;  // null: there is no norm
    const T* bias = nullptr;
    T* running_mean = nullptr;
    T* running_variance = nullptr;
    T* scale = nullptr;
    T* shift = nullptr;
    T* rstd = nullptr;
    double rows = 0;
    double epsilon = 0;
    double momentum = 0;

    NormOfMoments() = default;
    explicit NormOfMoments(const NormalizeForward& args)
        : weight(static_cast<const T*>(args.weight)),
          bias(static_cast<const T*>(args.bias)),
          running_mean(static_cast<T*>(args.running_mean)),
          running_variance(static_cast<T*>(args.running_variance)),
          scale(static_cast<T*>(args.scale)),
          shift(static_cast<T*>(args.shift)),
          rstd(static_cast<T*>(args.rstd)),
          rows(static_cast<double>(args.rows)),
          epsilon(args.epsilon),
          momentum(args.momentum) {}
    /// Null: none.
    explicit NormOfMoments(const NormalizeForward* args)
        : NormOfMoments(args != nullptr ? NormOfMoments(*args) : NormOfMoments()) {}

    __device__ __forceinline__ explicit operator bool() const { return weight != nullptr; }

    /// In training.
    __device__ __forceinline__ void operator()(int64_t c, T mean, T m2) const {
        const double centre = static_cast<double>(mean), squares = static_cast<double>(m2);
        move(running_mean[c], centre);
        move(running_variance[c], squares / (rows - 1));
        leave(c, centre, squares / rows);
    }
    __device__ __forceinline__ void of_running_statistics(int64_t c) const {
        leave(c, static_cast<double>(running_mean[c]), static_cast<double>(running_variance[c]));
    }

  private:
    /// running ← (1 − momentum) · running + momentum · batch
    __device__ __forceinline__ void move(T& running, double batch) const {
        running = static_cast<T>((1 - momentum) * static_cast<double>(running) + momentum * batch);
    }
    __device__ __forceinline__ void leave(int64_t c, double mean, double variance) const {
        const double one_over_sigma = 1 / std::sqrt(variance + epsilon);
        const ScaleAndShift<double> affine(mean, one_over_sigma, static_cast<double>(weight[c]),
                                           static_cast<double>(bias[c]));
        rstd[c] = static_cast<T>(one_over_sigma);
        scale[c] = static_cast<T>(affine.scale);
        shift[c] = static_cast<T>(affine.shift);
    }
};

/// From the gradients of scale and shift, which lie there, to those of the moments, of weight and of bias.
template <class T>
struct NormOfGradients {
    const T* mean = nullptr;  // null: there is no norm
    const T* rstd = nullptr;
    const T* weight = nullptr;
    const T* d_scale = nullptr;
    const T* d_shift = nullptr;
    GradientWriter<T> d_mean{Gradient{}};
    GradientWriter<T> d_m2{Gradient{}};
    GradientWriter<T> d_weight{Gradient{}};
    GradientWriter<T> d_bias{Gradient{}};
    double rows = 0;

    NormOfGradients() = default;
    explicit NormOfGradients(const NormalizeBackward& args)
        : mean(static_cast<const T*>(args.mean)),
          rstd(static_cast<const T*>(args.rstd)),
          weight(static_cast<const T*>(args.weight)),
          d_scale(static_cast<const T*>(args.d_scale)),
          d_shift(static_cast<const T*>(args.d_shift)),
          d_mean(args.d_mean),
          d_m2(args.d_m2),
          d_weight(args.d_weight),
          d_bias(args.d_bias),
          rows(static_cast<double>(args.rows)) {}
    /// Null: none.
    explicit NormOfGradients(const NormalizeBackward* args)
        : NormOfGradients(args != nullptr ? NormOfGradients(*args) : NormOfGradients()) {}

    __device__ __forceinline__ void operator()(int64_t c) const {
        const NormalizeGradients<double> gradients(
            rows, static_cast<double>(mean[c]), static_cast<double>(rstd[c]), static_cast<double>(weight[c]),
            static_cast<double>(d_scale[c]), static_cast<double>(d_shift[c]));
        if (d_mean) d_mean(c, static_cast<T>(gradients.d_mean));
        if (d_m2) d_m2(c, static_cast<T>(gradients.d_m2));
        if (d_weight) d_weight(c, static_cast<T>(gradients.d_weight));
        if (d_bias) d_bias(c, static_cast<T>(gradients.d_bias));
    }
    /// If there is one.
    __device__ __forceinline__ void of_channel(int64_t c) const {
        if (mean != nullptr) (*this)(c);
    }
    /// The same of `count` channels from the first on; called by all threads of a block.
    template <int threads>
    __device__ __forceinline__ void of_channels(int64_t first, int count) const {
        if (mean == nullptr) return;
        // A loop from threadIdx.x on makes ptxas spill in expanded_backward.cu.
        for (int done = 0; done < count; done += threads) {
            const int i = done + static_cast<int>(threadIdx.x);
            if (i < count) (*this)(first + i);
        }
    }
};

}  // namespace vitrine::VITRINE_GPU

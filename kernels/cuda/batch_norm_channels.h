// What the passes of a batch norm do with a channel and with an element of it: the walks over rows are those of
// channel_reduce.h, channel_sums.h and of the naive kernels.
#pragma once

#include <cmath>

#include "kernels/cuda/channel_finish.h"
#include "kernels/cuda/channel_sums.h"

namespace vitrine::VITRINE_GPU {

template <class T>
T* typed(void* data) {
    return static_cast<T*>(data);
}
template <class T>
const T* typed(const void* data) {
    return static_cast<const T*>(data);
}

/// What statistics leave behind for each channel: numbers of T, which is Accumulate of what x is stored in.
template <class T>
struct Statistics {
    T* running_mean;  // [channels], as all of them
    T* running_variance;
    T* mean;
    T* rstd;
    T rows;
    T epsilon;
    T keep;  // 1 − momentum
    T momentum;

    explicit Statistics(const BatchNormForward& args)
        : running_mean(typed<T>(args.running_mean)),
          running_variance(typed<T>(args.running_variance)),
          mean(typed<T>(args.mean)),
          rstd(typed<T>(args.rstd)),
          rows(static_cast<T>(args.rows)),
          epsilon(static_cast<T>(args.epsilon)),
          keep(static_cast<T>(1 - args.momentum)),
          momentum(static_cast<T>(args.momentum)) {}

    __device__ __forceinline__ void use(int64_t channel, T used_mean, T variance) const {
        mean[channel] = used_mean;
        rstd[channel] = T(1) / std::sqrt(variance + epsilon);
    }
    /// Training: from the mean and Σ (x − mean)² of the batch.
    __device__ __forceinline__ void operator()(int64_t channel, T batch_mean, T m2) const {
        const T unbiased = m2 / (rows - T(1));
        running_mean[channel] = multiply_add(momentum, batch_mean, keep * running_mean[channel]);
        running_variance[channel] = multiply_add(momentum, unbiased, keep * running_variance[channel]);
        use(channel, batch_mean, m2 / rows);
    }
    /// Evaluation.
    __device__ __forceinline__ void use_running(int64_t channel) const {
        use(channel, running_mean[channel], running_variance[channel]);
    }
};

/// y = (x − mean) · scale + bias, scale = weight · rstd. The mean is subtracted first: where it is large
/// against the spread, folding it into the bias would lose digits.
template <class T>
struct Normalise {
    using Element = Accumulate<T>;
    static constexpr int sums = 0;

    const T* x;
    const Element* weight;
    const Element* bias;
    const Element* mean;
    const Element* rstd;
    T* y;

    explicit Normalise(const BatchNormForward& args)
        : x(typed<T>(args.x)),
          weight(typed<Element>(args.weight)),
          bias(typed<Element>(args.bias)),
          mean(typed<Element>(args.mean)),
          rstd(typed<Element>(args.rstd)),
          y(typed<T>(args.y)) {}

    template <class V>
    struct Channels {
        V mean;
        V scale;
        V bias;
    };

    template <class V>
    __device__ __forceinline__ Channels<V> at(int64_t channel, int64_t) const {
        Channels<V> channels{load_values<V>(mean + channel), load_values<V>(rstd + channel),
                             load_values<V>(bias + channel)};
        const V weights = load_values<V>(weight + channel);
        VITRINE_UNROLL
        for (int i = 0; i < V::size; ++i) channels.scale[i] *= weights[i];
        return channels;
    }
    template <class V>
    __device__ __forceinline__ V load(int64_t index) const {
        return load_values<V>(x + index);
    }
    template <class V>
    __device__ __forceinline__ void apply(const Channels<V>& channels, const V& x_values, int64_t index,
                                          V (&)[1]) const {
        V result;
        VITRINE_UNROLL
        for (int i = 0; i < V::size; ++i) {
            result[i] = multiply_add(x_values[i] - channels.mean[i], channels.scale[i], channels.bias[i]);
        }
        store_values(y + index, result);
    }
};

/// What both passes of backward read.
template <class V>
struct LoadedGradient {
    V d_y;
    V x;
};

/// Σ d_y and Σ d_y · (x − mean)
template <class T>
struct GradientSums {
    using Element = Accumulate<T>;
    static constexpr int sums = 2;
    // Left alone, ptxas would rather spill doubles on 8.0 than run fewer blocks at a time.
    static constexpr int least_blocks = sizeof(T) == 8 ? 4 : 0;

    const T* d_y;
    const T* x;
    const Element* mean;

    explicit GradientSums(const BatchNormBackward& args)
        : d_y(typed<T>(args.d_y)), x(typed<T>(args.x)), mean(typed<Element>(args.mean)) {}

    template <class V>
    __device__ __forceinline__ V at(int64_t channel, int64_t) const {
        return load_values<V>(mean + channel);
    }
    template <class V>
    __device__ __forceinline__ LoadedGradient<V> load(int64_t index) const {
        return {load_values<V>(d_y + index), load_values<V>(x + index)};
    }
    template <class V>
    __device__ __forceinline__ void apply(const V& means, const LoadedGradient<V>& loaded, int64_t,
                                          V (&sum)[2]) const {
        VITRINE_UNROLL
        for (int i = 0; i < V::size; ++i) {
            sum[0][i] += loaded.d_y[i];
            sum[1][i] = multiply_add(loaded.d_y[i], loaded.x[i] - means[i], sum[1][i]);
        }
    }
};

/// What becomes of the two sums of a channel: d_weight and d_bias, and in training the coefficients of
///     d_x = scale · d_y + slope · (x − mean) + level
/// T as in Statistics.
template <class T>
struct PutGradientSums {
    GradientWriter<T> d_weight;
    GradientWriter<T> d_bias;
    const T* weight;
    const T* rstd;
    T* slope;  // [channels], as level; null in evaluation, where the moments are constants
    T* level;
    T rows;

    PutGradientSums(const BatchNormBackward& args, T* slopes, T* levels)
        : d_weight(args.d_weight),
          d_bias(args.d_bias),
          weight(typed<T>(args.weight)),
          rstd(typed<T>(args.rstd)),
          slope(slopes),
          level(levels),
          rows(static_cast<T>(args.rows)) {}

    __device__ __forceinline__ void operator()(int64_t channel, const T (&sums)[2]) const {
        const T sum_d_y_x_hat = rstd[channel] * sums[1];
        if (d_weight) d_weight(channel, sum_d_y_x_hat);
        if (d_bias) d_bias(channel, sums[0]);
        if (slope == nullptr) return;
        const T share = weight[channel] * rstd[channel] / rows;
        slope[channel] = -share * rstd[channel] * sum_d_y_x_hat;
        level[channel] = -share * sums[0];
    }
};

/// d_x, from the coefficients above; in evaluation scale · d_y alone.
template <class T>
struct InputGradient {
    using Element = Accumulate<T>;
    static constexpr int sums = 0;

    const T* d_y;
    const T* x;
    const Element* weight;
    const Element* mean;
    const Element* rstd;
    const Element* slope;
    const Element* level;
    ValuesWriter<T> d_x;

    InputGradient(const BatchNormBackward& args, const Element* slopes, const Element* levels)
        : d_y(typed<T>(args.d_y)),
          x(typed<T>(args.x)),
          weight(typed<Element>(args.weight)),
          mean(typed<Element>(args.mean)),
          rstd(typed<Element>(args.rstd)),
          slope(slopes),
          level(levels),
          d_x(args.d_x) {}

    template <class V>
    struct Channels {
        V scale;
        V mean;
        V slope;
        V level;
    };

    template <class V>
    __device__ __forceinline__ Channels<V> at(int64_t channel, int64_t) const {
        Channels<V> channels{load_values<V>(rstd + channel), load_values<V>(mean + channel),
                             load_values_or<V>(slope, channel, Element(0)),
                             load_values_or<V>(level, channel, Element(0))};
        const V weights = load_values<V>(weight + channel);
        VITRINE_UNROLL
        for (int i = 0; i < V::size; ++i) channels.scale[i] *= weights[i];
        return channels;
    }
    template <class V>
    __device__ __forceinline__ LoadedGradient<V> load(int64_t index) const {
        const V upstream = load_values<V>(d_y + index);
        return {upstream, slope == nullptr ? upstream : load_values<V>(x + index)};
    }
    template <class V>
    __device__ __forceinline__ void apply(const Channels<V>& channels, const LoadedGradient<V>& loaded,
                                          int64_t index, V (&)[1]) const {
        V result;
        VITRINE_UNROLL
        for (int i = 0; i < V::size; ++i) {
            result[i] = channels.scale[i] * loaded.d_y[i];
            if (slope == nullptr) continue;
            const Element centred = loaded.x[i] - channels.mean[i];
            const Element through_moments = multiply_add(centred, channels.slope[i], channels.level[i]);
            result[i] = multiply_add(channels.scale[i], loaded.d_y[i], through_moments);
        }
        d_x(index, result);
    }
};

}  // namespace vitrine::VITRINE_GPU

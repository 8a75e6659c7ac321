// Batch norm: statistics by a centred two-stage reduction, then one pass that normalises; backward likewise.
//
// The ladder, with the elements of T that are moved for each element of x:
//
//     naive     One thread a channel walks over the rows three times: mean, Σ (x − mean)², y. Forward reads
//               3 and writes 1, backward reads 4 and writes 1. Neighbouring threads do read neighbouring
//               channels, but 32 channels are 32 threads: one warp on a whole GPU.
//     scalars   Chunks of rows make a block each (channel_reduce.h): the GPU is full whatever the shape is. A chunk
//               takes its mean and its centred squares from registers, and chunks join by Chan's formula, so
//               that statistics read x once. Forward reads 2 and writes 1, backward reads 4 and writes 1:
//               the minimum while x does not fit into the chip's caches.
//     packs     The same with 16 bytes a thread: a quarter of the requests (f32) for the same bytes.
//
// About 8 FLOPs an element forward and 10 backward: memory decides, by far.

#include <cmath>

#include "kernels/cuda/channel_finish.h"
#include "kernels/cuda/channel_sums.h"

namespace vitrine::VITRINE_GPU {
namespace {

template <class T>
T* typed(void* data) {
    return static_cast<T*>(data);
}
template <class T>
const T* typed(const void* data) {
    return static_cast<const T*>(data);
}

/// What statistics leave behind for each channel.
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

constexpr int channel_threads = 64;

/// One thread a channel.
template <class T>
__global__ void __launch_bounds__(channel_threads)
    take_running_statistics(Statistics<T> statistics, int64_t channels) {
    const int64_t channel = thread_index();
    if (channel < channels) statistics.use_running(channel);
}

/// y = (x − mean) · scale + bias, scale = weight · rstd. The mean is subtracted first: where it is large
/// against the spread, folding it into the bias would lose digits.
template <class T>
struct Normalise {
    using Element = T;
    static constexpr int sums = 0;

    const T* x;
    const T* weight;
    const T* bias;
    const T* mean;
    const T* rstd;
    T* y;

    explicit Normalise(const BatchNormForward& args)
        : x(typed<T>(args.x)),
          weight(typed<T>(args.weight)),
          bias(typed<T>(args.bias)),
          mean(typed<T>(args.mean)),
          rstd(typed<T>(args.rstd)),
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
    using Element = T;
    static constexpr int sums = 2;
    // Left alone, ptxas would rather spill doubles on 8.0 than run fewer blocks at a time.
    static constexpr int least_blocks = sizeof(T) == 8 ? 4 : 0;

    const T* d_y;
    const T* x;
    const T* mean;

    explicit GradientSums(const BatchNormBackward& args)
        : d_y(typed<T>(args.d_y)), x(typed<T>(args.x)), mean(typed<T>(args.mean)) {}

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
    using Element = T;
    static constexpr int sums = 0;

    const T* d_y;
    const T* x;
    const T* weight;
    const T* mean;
    const T* rstd;
    const T* slope;
    const T* level;
    ValuesWriter<T> d_x;

    InputGradient(const BatchNormBackward& args, const T* slopes, const T* levels)
        : d_y(typed<T>(args.d_y)),
          x(typed<T>(args.x)),
          weight(typed<T>(args.weight)),
          mean(typed<T>(args.mean)),
          rstd(typed<T>(args.rstd)),
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
                             load_values_or<V>(slope, channel, T(0)),
                             load_values_or<V>(level, channel, T(0))};
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
            const T centred = loaded.x[i] - channels.mean[i];
            const T through_moments = multiply_add(centred, channels.slope[i], channels.level[i]);
            result[i] = multiply_add(channels.scale[i], loaded.d_y[i], through_moments);
        }
        d_x(index, result);
    }
};

template <class V, class T>
void forward(const BatchNormForward& args, Context& context) {
    const Statistics<T> statistics(args);
    if (args.training) {
        const Partials<T> chunks = chunk_moments<V>(typed<T>(args.x), args.rows, args.channels, context);
        run_finish_moments(chunks.data, chunks.chunks, args.channels, statistics);
    } else {
        launch(take_running_statistics<T>, blocks_for(args.channels, channel_threads), channel_threads, 0,
               stream(), statistics, args.channels);
    }
    run_over_columns<V>(Normalise<T>(args), 1, args.rows, args.channels);
}

template <class V, class T>
void backward(const BatchNormBackward& args, Context& context) {
    const bool through_moments = args.training && args.d_x;
    T* slope = through_moments ? context.scratch.take<T>(args.channels) : nullptr;
    T* level = through_moments ? context.scratch.take<T>(args.channels) : nullptr;
    if (through_moments || args.d_weight || args.d_bias) {
        const Partials<T> chunks =
            sum_over_columns<V>(GradientSums<T>(args), args.rows, args.channels, context);
        run_finish_sums<2>(chunks.data, 1, chunks.chunks, args.channels,
                           PutGradientSums<T>(args, slope, level));
    }
    if (args.d_x) {
        run_over_columns<V>(InputGradient<T>(args, slope, level), 1, args.rows, args.channels);
    }
}

// The naive rung.

/// Σ term(row) over all rows. In pieces: one long f32 sum would round away what its late terms hold.
template <class T, class Term>
__device__ __forceinline__ T sum_over_rows(int64_t rows, const Term& term) {
    constexpr int64_t piece = 64;
    T sum = T(0);
    for (int64_t first = 0; first < rows; first += piece) {
        const int64_t end = first + piece < rows ? first + piece : rows;
        T part = T(0);
        for (int64_t row = first; row < end; ++row) part += term(row);
        sum += part;
    }
    return sum;
}

template <class T>
__global__ void __launch_bounds__(channel_threads)
    normalise_channel(Normalise<T> body, Statistics<T> statistics, bool training, int64_t rows,
                      int64_t channels) {
    const int64_t channel = thread_index();
    if (channel >= channels) return;
    const T* x = body.x + channel;
    if (training) {
        // Distances to the first value: sums of large values would lose the digits in which they differ.
        const T origin = x[0];
        const T sum = sum_over_rows<T>(rows, [&](int64_t row) { return x[row * channels] - origin; });
        const T mean = sum / static_cast<T>(rows);
        const T m2 = sum_over_rows<T>(rows, [&](int64_t row) {
            const T distance = x[row * channels] - origin - mean;
            return distance * distance;
        });
        statistics(channel, origin + mean, m2);
    } else {
        statistics.use_running(channel);
    }
    const T mean = statistics.mean[channel];
    const T scale = body.weight[channel] * statistics.rstd[channel];
    for (int64_t row = 0; row < rows; ++row) {
        const int64_t index = row * channels + channel;
        body.y[index] = multiply_add(body.x[index] - mean, scale, body.bias[channel]);
    }
}

template <class T>
__global__ void __launch_bounds__(channel_threads)
    channel_gradients(GradientSums<T> sums_body, PutGradientSums<T> put_sums, InputGradient<T> body,
                      bool d_x_wanted, int64_t rows, int64_t channels) {
    const int64_t channel = thread_index();
    if (channel >= channels) return;
    Single<T> sums[2]{{T(0)}, {T(0)}};
    const Single<T> mean = sums_body.template at<Single<T>>(channel, 0);
    for (int64_t row = 0; row < rows; ++row) {
        const int64_t index = row * channels + channel;
        sums_body.apply(mean, sums_body.template load<Single<T>>(index), index, sums);
    }
    put_sums(channel, {sums[0].value, sums[1].value});
    if (!d_x_wanted) return;
    const auto at = body.template at<Single<T>>(channel, 0);
    Single<T> none[1];
    for (int64_t row = 0; row < rows; ++row) {
        const int64_t index = row * channels + channel;
        body.apply(at, body.template load<Single<T>>(index), index, none);
    }
}

template <class T>
void forward_naive(const BatchNormForward& args) {
    launch(normalise_channel<T>, blocks_for(args.channels, channel_threads), channel_threads, 0, stream(),
           Normalise<T>(args), Statistics<T>(args), args.training, args.rows, args.channels);
}

template <class T>
void backward_naive(const BatchNormBackward& args, Context& context) {
    const bool through_moments = args.training && args.d_x;
    T* slope = through_moments ? context.scratch.take<T>(args.channels) : nullptr;
    T* level = through_moments ? context.scratch.take<T>(args.channels) : nullptr;
    launch(channel_gradients<T>, blocks_for(args.channels, channel_threads), channel_threads, 0, stream(),
           GradientSums<T>(args), PutGradientSums<T>(args, slope, level),
           InputGradient<T>(args, slope, level), static_cast<bool>(args.d_x), args.rows, args.channels);
}

// The lists.

const char* refuses_forward_packs(const BatchNormForward& args) {
    return refuses_packs(args.dtype, args.channels, args.x, args.weight, args.bias, args.mean, args.rstd,
                         args.y);
}

const char* refuses_backward_packs(const BatchNormBackward& args) {
    return refuses_packs(args.dtype, args.channels, args.x, args.weight, args.mean, args.rstd, args.d_y,
                         args.d_x.data);
}

template <template <class> class Values>
void run_forward(const BatchNormForward& args, Context& context) {
    if (args.channels == 0) return;
    dispatch_float(args.dtype, [&]<class T>() { forward<Values<T>, T>(args, context); });
}

template <template <class> class Values>
void run_backward(const BatchNormBackward& args, Context& context) {
    if (args.channels == 0) return;
    dispatch_float(args.dtype, [&]<class T>() { backward<Values<T>, T>(args, context); });
}

void run_forward_naive(const BatchNormForward& args, Context&) {
    if (args.channels == 0) return;
    dispatch_float(args.dtype, [&]<class T>() { forward_naive<T>(args); });
}

void run_backward_naive(const BatchNormBackward& args, Context& context) {
    if (args.channels == 0) return;
    dispatch_float(args.dtype, [&]<class T>() { backward_naive<T>(args, context); });
}

constexpr Implementation<BatchNormForward> forward_list[]{{"packs", refuses_forward_packs, run_forward<Pack>},
                                                          {"scalars", refuses_nothing, run_forward<Single>},
                                                          {"naive", refuses_nothing, run_forward_naive}};
constexpr Implementation<BatchNormBackward> backward_list[]{
    {"packs", refuses_backward_packs, run_backward<Pack>},
    {"scalars", refuses_nothing, run_backward<Single>},
    {"naive", refuses_nothing, run_backward_naive}};

}  // namespace

const Kernel<BatchNormForward> batch_norm_forward{"batch_norm_forward", forward_list};
const Kernel<BatchNormBackward> batch_norm_backward{"batch_norm_backward", backward_list};

}  // namespace vitrine::VITRINE_GPU

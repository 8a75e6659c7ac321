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

#include "kernels/cuda/batch_norm_channels.h"
#include "kernels/cuda/channel_finish.h"
#include "kernels/cuda/channel_sums.h"

namespace vitrine::VITRINE_GPU {
namespace {

constexpr int channel_threads = 64;

/// One thread a channel.
template <class T>
__global__ void __launch_bounds__(channel_threads)
    take_running_statistics(Statistics<T> statistics, int64_t channels) {
    const int64_t channel = thread_index();
    if (channel < channels) statistics.use_running(channel);
}

template <class V, class T>
void forward(const BatchNormForward& args, Context& context) {
    using A = Accumulate<T>;
    const Statistics<A> statistics(args);
    if (args.training) {
        const Partials<A> chunks = chunk_moments<V>(typed<T>(args.x), args.rows, args.channels, context);
        run_finish_moments(chunks.data, chunks.chunks, args.channels, statistics);
    } else {
        launch(take_running_statistics<A>, blocks_for(args.channels, channel_threads), channel_threads, 0,
               stream(), statistics, args.channels);
    }
    run_over_columns<V>(Normalise<T>(args), 1, args.rows, args.channels);
}

template <class V, class T>
void backward(const BatchNormBackward& args, Context& context) {
    using A = Accumulate<T>;
    const bool through_moments = args.training && args.d_x;
    A* slope = through_moments ? context.scratch.take<A>(args.channels) : nullptr;
    A* level = through_moments ? context.scratch.take<A>(args.channels) : nullptr;
    if (through_moments || args.d_weight || args.d_bias) {
        const Partials<A> chunks =
            sum_over_columns<V>(GradientSums<T>(args), args.rows, args.channels, context);
        run_finish_sums<2>(chunks.data, 1, chunks.chunks, args.channels,
                           PutGradientSums<A>(args, slope, level));
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

constexpr auto forward_naive = computed_types([]<class T>(const BatchNormForward& args, Context&) {
    if (args.channels == 0) return;
    launch(normalise_channel<T>, blocks_for(args.channels, channel_threads), channel_threads, 0, stream(),
           Normalise<T>(args), Statistics<T>(args), args.training, args.rows, args.channels);
});

constexpr auto backward_naive = computed_types([]<class T>(const BatchNormBackward& args, Context& context) {
    if (args.channels == 0) return;
    const bool through_moments = args.training && args.d_x;
    T* slope = through_moments ? context.scratch.take<T>(args.channels) : nullptr;
    T* level = through_moments ? context.scratch.take<T>(args.channels) : nullptr;
    launch(channel_gradients<T>, blocks_for(args.channels, channel_threads), channel_threads, 0, stream(),
           GradientSums<T>(args), PutGradientSums<T>(args, slope, level),
           InputGradient<T>(args, slope, level), static_cast<bool>(args.d_x), args.rows, args.channels);
});

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
constexpr auto run_forward = all_types([]<class T>(const BatchNormForward& args, Context& context) {
    if (args.channels == 0) return;
    forward<Values<T>, T>(args, context);
});

template <template <class> class Values>
constexpr auto run_backward = all_types([]<class T>(const BatchNormBackward& args, Context& context) {
    if (args.channels == 0) return;
    backward<Values<T>, T>(args, context);
});

constexpr Implementation<BatchNormForward> forward_list[]{{"packs", refuses_forward_packs, run_forward<Pack>},
                                                          {"scalars", refuses_nothing, run_forward<Single>},
                                                          {"naive", refuses_nothing, forward_naive}};
constexpr Implementation<BatchNormBackward> backward_list[]{
    {"packs", refuses_backward_packs, run_backward<Pack>},
    {"scalars", refuses_nothing, run_backward<Single>},
    {"naive", refuses_nothing, backward_naive}};

}  // namespace

const Kernel<BatchNormForward> batch_norm_forward{"batch_norm_forward", forward_list};
const Kernel<BatchNormBackward> batch_norm_backward{"batch_norm_backward", backward_list};

}  // namespace vitrine::VITRINE_GPU

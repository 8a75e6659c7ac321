// The average of every channel over a whole image: sums over the rows of a [pixels, channels] array, one
// array for each image.
//
// Forward reads every element once (sizeof(T) bytes, 1 FLOP) and writes next to nothing; backward only
// writes.
//
//     naive     One thread for each channel of an image walks over the pixels. The bytes are the minimum, but
//               7 × 7 × 320 in a batch of 4 are only 1280 threads with one request under way each.
//     scalars   Blocks of 256 threads share the pixels of an image (channel_reduce.h), each with 4 requests under
//               way. Large images are cut into chunks, whose sums a second launch adds up; for small ones
//               the first launch leaves y at once.
//     packs     The same with 16 bytes a thread.

#include "kernels/cuda/channel_finish.h"
#include "kernels/cuda/channel_reduce.h"

namespace vitrine::VITRINE_GPU {
namespace {

constexpr int threads = 256;

// Forward.

/// Images of 7 × 7 pixels stay whole: a second launch would cost more than it gains.
constexpr Shares pool_shares{512, 16};

/// Σ x / pixels. Every term is weighted, so that the sum of an image's only chunk is its average.
template <class T>
struct Average {
    using Element = Accumulate<T>;
    static constexpr int sums = 1;

    const T* x;
    Element weight;

    template <class V>
    __device__ __forceinline__ Element at(int64_t, int64_t) const {
        return weight;
    }
    template <class V>
    __device__ __forceinline__ V load(int64_t index) const {
        return load_values<V>(x + index);
    }
    template <class V>
    __device__ __forceinline__ void apply(Element share, const V& x_values, int64_t, V (&sum)[1]) const {
        VITRINE_UNROLL
        for (int i = 0; i < V::size; ++i) sum[0][i] = multiply_add(x_values[i], share, sum[0][i]);
    }
};

template <class T>
struct PutAverage {
    T* y;

    __device__ __forceinline__ void operator()(int64_t index, const Accumulate<T> (&sum)[1]) const {
        store_value(y + index, sum[0]);
    }
};

template <template <class> class Values>
constexpr auto run_forward = all_types([]<class T>(const GlobalAveragePoolForward& args, Context& context) {
    if (args.batch * args.channels == 0) return;
    using V = Values<T>;
    using A = Accumulate<T>;
    const Average<T> body{static_cast<const T*>(args.x), A(1) / static_cast<A>(args.pixels)};
    const Columns columns = share_out(args.batch, args.pixels, args.channels, V::size, pool_shares);
    T* y = static_cast<T*>(args.y);
    if (columns.chunks == 1) {
        launch(over_columns<V, Average<T>, LeaveChunks<T>>, columns.grid(), column_threads, 0, stream(),
               columns, body, LeaveChunks<T>{y});
        return;
    }
    A* sums = context.scratch.take<A>(columns.all_chunks() * args.channels);
    launch(over_columns<V, Average<T>, LeaveChunks<A>>, columns.grid(), column_threads, 0, stream(), columns,
           body, LeaveChunks<A>{sums});
    run_finish_sums<1>(sums, args.batch, columns.chunks, args.channels, PutAverage<T>{y});
});

template <class T>
__global__ void __launch_bounds__(threads)
    average_channel(ReadOnly<T> x, T* y, int64_t pixels, int64_t channels, int64_t count) {
    const int64_t i = thread_index();
    if (i >= count) return;
    const int64_t image = i / channels;
    const ReadOnly<T> value = x + image * pixels * channels + (i - image * channels);
    T sum = T(0);
    for (int64_t pixel = 0; pixel < pixels; ++pixel) sum += value[pixel * channels];
    y[i] = sum / static_cast<T>(pixels);
}

constexpr auto run_forward_naive =
    computed_types([]<class T>(const GlobalAveragePoolForward& args, Context&) {
        const int64_t count = args.batch * args.channels;
        if (count == 0) return;
        launch(average_channel<T>, blocks_for(count, threads), threads, 0, stream(),
               static_cast<const T*>(args.x), static_cast<T*>(args.y), args.pixels, args.channels, count);
    });

// Backward: every pixel of an image gets the same share of d_y.

template <class T>
struct Share {
    using Element = Accumulate<T>;
    static constexpr int sums = 0;

    const T* d_y;
    Element pixels;
    int64_t channels;
    ValuesWriter<T> d_x;

    struct Nothing {};

    template <class V>
    __device__ __forceinline__ V at(int64_t channel, int64_t image) const {
        V share = load_values<V>(d_y + image * channels + channel);
        VITRINE_UNROLL
        for (int i = 0; i < V::size; ++i) share[i] /= pixels;
        return share;
    }
    template <class V>
    __device__ __forceinline__ Nothing load(int64_t) const {
        return {};
    }
    template <class V>
    __device__ __forceinline__ void apply(const V& share, Nothing, int64_t index, V (&)[1]) const {
        d_x(index, share);
    }
};

template <template <class> class Values>
constexpr auto run_backward = all_types([]<class T>(const GlobalAveragePoolBackward& args, Context&) {
    if (!args.d_x) return;
    const Share<T> body{static_cast<const T*>(args.d_y), static_cast<Accumulate<T>>(args.pixels),
                        args.channels, ValuesWriter<T>(args.d_x)};
    run_over_columns<Values<T>>(body, args.batch, args.pixels, args.channels);
});

/// One thread an element: two divisions of indices for each element that is written.
template <class T>
__global__ void __launch_bounds__(threads)
    share_element(ReadOnly<T> d_y, GradientWriter<T> d_x, int64_t pixels, int64_t channels, int64_t count) {
    const int64_t i = thread_index();
    if (i >= count) return;
    const int64_t image = i / (pixels * channels);
    d_x(i, d_y[image * channels + i % channels] / static_cast<T>(pixels));
}

constexpr auto run_backward_naive = computed_types([]<class T>(const GlobalAveragePoolBackward& args,
                                                               Context&) {
    const int64_t count = args.batch * args.pixels * args.channels;
    if (!args.d_x || count == 0) return;
    launch(share_element<T>, blocks_for(count, threads), threads, 0, stream(),
           static_cast<const T*>(args.d_y), GradientWriter<T>(args.d_x), args.pixels, args.channels, count);
});

const char* refuses_forward_packs(const GlobalAveragePoolForward& args) {
    return refuses_packs(args.dtype, args.channels, args.x, args.y);
}

const char* refuses_backward_packs(const GlobalAveragePoolBackward& args) {
    return refuses_packs(args.dtype, args.channels, args.d_y, args.d_x.data);
}

constexpr Implementation<GlobalAveragePoolForward> forward_list[]{
    {"packs", refuses_forward_packs, run_forward<Pack>},
    {"scalars", refuses_nothing, run_forward<Single>},
    {"naive", refuses_nothing, run_forward_naive}};
constexpr Implementation<GlobalAveragePoolBackward> backward_list[]{
    {"packs", refuses_backward_packs, run_backward<Pack>},
    {"scalars", refuses_nothing, run_backward<Single>},
    {"naive", refuses_nothing, run_backward_naive}};

}  // namespace

const Kernel<GlobalAveragePoolForward> global_average_pool_forward{"global_average_pool_forward",
                                                                   forward_list};
const Kernel<GlobalAveragePoolBackward> global_average_pool_backward{"global_average_pool_backward",
                                                                     backward_list};

}  // namespace vitrine::VITRINE_GPU

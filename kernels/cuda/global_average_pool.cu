// The average of every channel over a whole image: sums over the rows of a [pixels, channels] array, one
// array for each image. What is pending of the input, scale, shift and a clamp, happens to each element as it is read.
//
// Forward reads every element once (sizeof(T) bytes, 1 FLOP) and writes next to nothing; backward only
// writes, or reads the input once more where something was pending.
//
//     naive     One thread for each channel of an image walks over the pixels. The bytes are the minimum, but
//               7 × 7 × 320 in a batch of 4 are only 1280 threads with one request under way each. Backward one
//               thread an element, and one for each channel's sums over all images.
//     scalars   Blocks of 256 threads share the pixels of an image (channel_reduce.h), each with 4 requests under
//               way. Large images are cut into chunks, whose sums a second launch adds up; for small ones
//               the first launch leaves y at once. Backward leaves d_x and the sums of what was pending in one launch,
//               whose last blocks put the images' sums together (channel_last.h).
//     packs     The same with 16 bytes a thread.

#include "kernels/cuda/channel_finish.h"
#include "kernels/cuda/channel_reduce.h"
#include "kernels/cuda/conv_parts.h"

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

/// The same of activation(scale · x + shift).
template <class T>
struct PendingAverage {
    using Element = Accumulate<T>;
    static constexpr int sums = 1;

    const T* x;
    const Element* scale;
    const Element* shift;
    Activation activation;
    Element weight;

    PendingAverage(const GlobalAveragePoolForward& args, Element of_a_pixel)
        : x(static_cast<const T*>(args.x.x)),
          scale(static_cast<const Element*>(args.x.scale)),
          shift(static_cast<const Element*>(args.x.shift)),
          activation(args.activation),
          weight(of_a_pixel) {}

    template <class V>
    __device__ __forceinline__ ChannelAffine<V> at(int64_t channel, int64_t) const {
        return {scale, shift, channel};
    }
    template <class V>
    __device__ __forceinline__ V load(int64_t index) const {
        return load_values<V>(x + index);
    }
    template <class V>
    __device__ __forceinline__ void apply(const ChannelAffine<V>& affine, const V& x_values, int64_t,
                                          V (&sum)[1]) const {
        VITRINE_UNROLL
        for (int i = 0; i < V::size; ++i) {
            sum[0][i] = multiply_add(clamped(activation, affine(x_values, i)), weight, sum[0][i]);
        }
    }
};

template <class T>
struct PutAverage {
    T* y;

    __device__ __forceinline__ void operator()(int64_t index, const Accumulate<T> (&sum)[1]) const {
        store_value(y + index, sum[0]);
    }
};

template <class V, class T, class Body>
void average(const Body& body, const GlobalAveragePoolForward& args, Context& context) {
    using A = Accumulate<T>;
    const Columns columns = share_out(args.batch, args.pixels, args.channels, V::size, pool_shares);
    T* y = static_cast<T*>(args.y);
    if (columns.chunks == 1) {
        launch(over_columns<V, Body, LeaveChunks<T>>, columns.grid(), column_threads, 0, stream(), columns,
               body, LeaveChunks<T>{y});
        return;
    }
    A* sums = context.scratch.take<A>(columns.all_chunks() * args.channels);
    launch(over_columns<V, Body, LeaveChunks<A>>, columns.grid(), column_threads, 0, stream(), columns, body,
           LeaveChunks<A>{sums});
    run_finish_sums<1>(sums, args.batch, columns.chunks, args.channels, PutAverage<T>{y});
}

template <template <class> class Values>
constexpr auto run_forward = all_types([]<class T>(const GlobalAveragePoolForward& args, Context& context) {
    if (args.batch * args.channels == 0) return;
    using A = Accumulate<T>;
    const A weight = A(1) / static_cast<A>(args.pixels);
    if (args.plain()) {
        average<Values<T>, T>(Average<T>{static_cast<const T*>(args.x.x), weight}, args, context);
    } else {
        average<Values<T>, T>(PendingAverage<T>(args, weight), args, context);
    }
});

/// What is pending of x, for single values.
template <class T, class Args>
PrologueOn<T> prologue_of(const Args& args) {
    return PrologueOn<T>({args.x.scale, args.x.shift, args.activation});
}

template <class T>
__global__ void __launch_bounds__(threads) average_channel(ReadOnly<T> x, PrologueOn<T> prologue, T* y,
                                                           int64_t pixels, int64_t channels, int64_t count) {
    const int64_t i = thread_index();
    if (i >= count) return;
    const int64_t image = i / channels, channel = i - image * channels;
    const ReadOnly<T> value = x + image * pixels * channels + channel;
    T sum = T(0);
    for (int64_t pixel = 0; pixel < pixels; ++pixel) sum += prologue(value[pixel * channels], channel);
    y[i] = sum / static_cast<T>(pixels);
}

constexpr auto run_forward_naive =
    computed_types([]<class T>(const GlobalAveragePoolForward& args, Context&) {
        const int64_t count = args.batch * args.channels;
        if (count == 0) return;
        launch(average_channel<T>, blocks_for(count, threads), threads, 0, stream(),
               static_cast<const T*>(args.x.x), prologue_of<T>(args), static_cast<T*>(args.y), args.pixels,
               args.channels, count);
    });

// Backward: every pixel of an image gets the same share of d_y, where the clamp lets it pass.

template <class T>
struct Share {
    using Element = Accumulate<T>;
    static constexpr int sums = 0;

    const T* d_y;
    Element pixels;
    int64_t channels;
    ValuesWriter<T> d_x;

    explicit Share(const GlobalAveragePoolBackward& args)
        : d_y(static_cast<const T*>(args.d_y)),
          pixels(static_cast<Element>(args.pixels)),
          channels(args.channels),
          d_x(args.d_x.x) {}

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

/// The same through scale, shift and a clamp; with sums Σ d_u · x and Σ d_u.
template <class T, int wanted_sums>
struct PendingShare {
    using Element = Accumulate<T>;
    static constexpr int sums = wanted_sums;
    // Left alone, ptxas would rather spill on 9.0 than run fewer blocks at a time.
    static constexpr int least_blocks = 2;

    Share<T> share;
    const T* x;
    const Element* scale;
    const Element* shift;
    Activation activation;

    explicit PendingShare(const GlobalAveragePoolBackward& args)
        : share(args),
          x(static_cast<const T*>(args.x.x)),
          scale(static_cast<const Element*>(args.x.scale)),
          shift(static_cast<const Element*>(args.x.shift)),
          activation(args.activation) {}

    template <class V>
    struct Channels {
        V share;
        ChannelAffine<V> affine;
    };

    template <class V>
    __device__ __forceinline__ Channels<V> at(int64_t channel, int64_t image) const {
        return {share.template at<V>(channel, image), {scale, shift, channel}};
    }
    template <class V>
    __device__ __forceinline__ V load(int64_t index) const {
        return load_values<V>(x + index);
    }
    template <class V, int count>
    __device__ __forceinline__ void apply(const Channels<V>& channels, const V& x_values, int64_t index,
                                          V (&sum)[count]) const {
        V d_x;
        VITRINE_UNROLL
        for (int i = 0; i < V::size; ++i) {
            const Element u = channels.affine(x_values, i);
            const Element d_u = inside_clamp(activation, u) ? channels.share[i] : Element(0);
            d_x[i] = channels.affine.scale[i] * d_u;
            if constexpr (sums > 0) {
                sum[0][i] = multiply_add(d_u, x_values[i], sum[0][i]);
                sum[1][i] += d_u;
            }
        }
        if (share.d_x) share.d_x(index, d_x);
    }
};

template <template <class> class Values>
constexpr auto run_backward = all_types([]<class T>(const GlobalAveragePoolBackward& args, Context& context) {
    if (!args.d_x) return;
    using V = Values<T>;
    if (args.plain()) {
        run_over_columns<V>(Share<T>(args), args.batch, args.pixels, args.channels);
    } else if (!args.d_x.scale && !args.d_x.shift) {
        run_over_columns<V>(PendingShare<T, 0>(args), args.batch, args.pixels, args.channels);
    } else {
        const PutPrologueSums<Accumulate<T>> put(args.d_x.scale, args.d_x.shift, context);
        sum_over_groups_to<V>(PendingShare<T, 2>(args), args.batch, args.pixels, args.channels, put, context);
    }
});

/// d_u of single elements. A plain input is not read.
template <class T>
struct ElementGradient {
    const T* x;
    PrologueOn<T> prologue;
    const T* d_y;
    int64_t pixels;
    int64_t channels;

    explicit ElementGradient(const GlobalAveragePoolBackward& args)
        : x(static_cast<const T*>(args.x.x)),
          prologue(prologue_of<T>(args)),
          d_y(static_cast<const T*>(args.d_y)),
          pixels(args.pixels),
          channels(args.channels) {}

    __device__ __forceinline__ T operator()(int64_t i, int64_t channel) const {
        const bool passes = prologue.activation == Activation::identity ||
                            inside_clamp(prologue.activation, prologue.before_activation(x[i], channel));
        const int64_t image = i / (pixels * channels);
        return passes ? d_y[image * channels + channel] / static_cast<T>(pixels) : T(0);
    }
};

/// One thread an element: two divisions of indices for each element that is written.
template <class T>
__global__ void __launch_bounds__(threads)
    share_element(ElementGradient<T> d_u, GradientWriter<T> d_x, int64_t count) {
    const int64_t i = thread_index();
    if (i >= count) return;
    const int64_t channel = i % d_u.channels;
    const T* const scale = d_u.prologue.scale;
    d_x(i, scale == nullptr ? d_u(i, channel) : scale[channel] * d_u(i, channel));
}

/// One thread a channel, over the pixels of all images. At least two blocks, as above: else ptxas spills.
template <class T>
__global__ void __launch_bounds__(threads, 2)
    sum_channel(ElementGradient<T> d_u, GradientWriter<T> d_scale, GradientWriter<T> d_shift, int64_t rows) {
    const int64_t channel = thread_index();
    if (channel >= d_u.channels) return;
    // Σ d_u adds the same number again and again, always rounded the same way: in f32 it would drift away.
    double scale_sum = 0, shift_sum = 0;
    for (int64_t i = channel; i < rows * d_u.channels; i += d_u.channels) {
        const double gradient = static_cast<double>(d_u(i, channel));
        scale_sum = multiply_add(gradient, static_cast<double>(d_u.x[i]), scale_sum);
        shift_sum += gradient;
    }
    if (d_scale) d_scale(channel, static_cast<T>(scale_sum));
    if (d_shift) d_shift(channel, static_cast<T>(shift_sum));
}

constexpr auto run_backward_naive =
    computed_types([]<class T>(const GlobalAveragePoolBackward& args, Context&) {
        const ElementGradient<T> d_u(args);
        const int64_t rows = args.batch * args.pixels, count = rows * args.channels;
        if (args.d_x.x && count > 0)
            launch(share_element<T>, blocks_for(count, threads), threads, 0, stream(), d_u,
                   GradientWriter<T>(args.d_x.x), count);
        if ((!args.d_x.scale && !args.d_x.shift) || args.channels == 0) return;
        launch(sum_channel<T>, blocks_for(args.channels, threads), threads, 0, stream(), d_u,
               GradientWriter<T>(args.d_x.scale), GradientWriter<T>(args.d_x.shift), rows);
    });

const char* refuses_forward_packs(const GlobalAveragePoolForward& args) {
    if (const char* reason = refuses_curve_to_resolve(args)) return reason;
    return refuses_packs(args.dtype, args.channels, args.x.x, args.x.scale, args.x.shift, args.y);
}

const char* refuses_backward_packs(const GlobalAveragePoolBackward& args) {
    if (const char* reason = refuses_curve_to_resolve(args)) return reason;
    return refuses_packs(args.dtype, args.channels, args.x.x, args.x.scale, args.x.shift, args.d_y,
                         args.d_x.x.data);
}

constexpr Implementation<GlobalAveragePoolForward> forward_list[]{
    {"packs", refuses_forward_packs, run_forward<Pack>},
    {"scalars", refuses_curve_to_resolve<GlobalAveragePoolForward>, run_forward<Single>},
    {"naive", refuses_curve_to_resolve<GlobalAveragePoolForward>, run_forward_naive}};
constexpr Implementation<GlobalAveragePoolBackward> backward_list[]{
    {"packs", refuses_backward_packs, run_backward<Pack>},
    {"scalars", refuses_curve_to_resolve<GlobalAveragePoolBackward>, run_backward<Single>},
    {"naive", refuses_curve_to_resolve<GlobalAveragePoolBackward>, run_backward_naive}};

}  // namespace

const Kernel<GlobalAveragePoolForward> global_average_pool_forward{"global_average_pool_forward",
                                                                   forward_list};
const Kernel<GlobalAveragePoolBackward> global_average_pool_backward{"global_average_pool_backward",
                                                                     backward_list};

}  // namespace vitrine::VITRINE_GPU

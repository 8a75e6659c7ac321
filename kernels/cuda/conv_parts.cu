// The prologue and the epilogue of convolutions as passes of their own, around a kernel that knows neither.
//
// Each is a body for over_columns (channel_reduce.h): what belongs to a channel waits in registers, every element is
// read and written once. Elements moved, for each element:
//     through the prologue     read x, write a                                       2
//     the epilogue             read y                                                1
//     through the epilogue     read d_y and y, write g                               3
//     bias gradient            read d_y, and y if there is an epilogue               1 or 2
//     prologue gradient        read x and d_a, write d_x; d_scale and d_shift        3
// A curve in the prologue (activation.h) is the activation's own kernel between u and a: 2 more there and back 5, of
// which 2 are u once more.
// A kernel that applies PrologueOn and UpstreamOn itself saves all of them: that is what those are for.
//
// Where tensors are stored in 16 bits, T, what lies between the passes is Accumulate<T>, as if they were one kernel:
// only results are rounded. The convolution between them is then that of Accumulate<T>, for which a pass each widens
// the weight and, where no other pass does, x and d_y, and a last one rounds y or d_x.

#include "kernels/cuda/conv_parts.h"

#include "kernels/cuda/channel_sums.h"

namespace vitrine::VITRINE_GPU {
namespace {

/// a = activation(u). From and To are both T, or one of them is Accumulate of the other.
template <class From, class To>
struct ThroughPrologue {
    using Element = Accumulate<From>;
    static constexpr int sums = 0;
    // Left alone, ptxas would rather spill on 8.0 than run fewer blocks at a time.
    static constexpr int least_blocks = 2;

    const From* x;
    const Element* scale;
    const Element* shift;
    Activation activation;
    ValuesWriter<To> a;

    template <class V>
    __device__ __forceinline__ ChannelAffine<V> at(int64_t channel, int64_t) const {
        return {scale, shift, channel};
    }
    template <class V>
    __device__ __forceinline__ V load(int64_t index) const {
        return load_values<V>(x + index);
    }
    template <class V>
    __device__ __forceinline__ void apply(const ChannelAffine<V>& affine, const V& x_values, int64_t index,
                                          V (&)[1]) const {
        V result;
        VITRINE_UNROLL
        for (int i = 0; i < V::size; ++i) result[i] = clamped(activation, affine(x_values, i));
        a(index, result);
    }
};

/// g = d_y + level + slope · (y − mean), where level and slope are the epilogue's: d_mean / M and 2 · d_m2.
template <class T>
struct EpilogueGradient {
    using Element = Accumulate<T>;

    const T* d_y;
    const T* y;
    const Element* mean;
    const Element* d_mean;  // null: zeros
    const Element* d_m2;    // null: zeros
    Element share;          // 1 / M

    explicit EpilogueGradient(const ConvBackward& args)
        : d_y(static_cast<const T*>(args.d_y)),
          y(static_cast<const T*>(args.y)),
          mean(static_cast<const Element*>(args.mean)),
          d_mean(static_cast<const Element*>(args.d_mean)),
          d_m2(static_cast<const Element*>(args.d_m2)),
          share(static_cast<Element>(1.0 / static_cast<double>(args.shape.out_pixels()))) {}

    __host__ __device__ __forceinline__ bool plain() const { return d_mean == nullptr && d_m2 == nullptr; }

    template <class V>
    struct Channels {
        V level;
        V slope;
        V mean;
    };
    template <class V>
    struct Loaded {
        V d_y;
        V y;
    };

    template <class V>
    __device__ __forceinline__ Channels<V> at(int64_t channel, int64_t) const {
        Channels<V> channels{load_values_or<V>(d_mean, channel, Element(0)),
                             load_values_or<V>(d_m2, channel, Element(0)),
                             load_values_or<V>(mean, channel, Element(0))};
        VITRINE_UNROLL
        for (int i = 0; i < V::size; ++i) {
            channels.level[i] *= share;
            channels.slope[i] *= Element(2);
        }
        return channels;
    }
    template <class V>
    __device__ __forceinline__ Loaded<V> load(int64_t index) const {
        const V upstream = load_values<V>(d_y + index);
        return {upstream, plain() ? upstream : load_values<V>(y + index)};
    }
    template <class V>
    __device__ __forceinline__ V gradient(const Channels<V>& channels, const Loaded<V>& loaded) const {
        V g = loaded.d_y;
        if (plain()) return g;
        VITRINE_UNROLL
        for (int i = 0; i < V::size; ++i) {
            g[i] = multiply_add(channels.slope[i], loaded.y[i] - channels.mean[i], g[i] + channels.level[i]);
        }
        return g;
    }
};

template <class T>
struct ThroughEpilogue : EpilogueGradient<T> {
    static constexpr int sums = 0;

    Accumulate<T>* g;

    ThroughEpilogue(const ConvBackward& args, Accumulate<T>* to) : EpilogueGradient<T>(args), g(to) {}

    template <class Channels, class Loaded, class V>
    __device__ __forceinline__ void apply(const Channels& channels, const Loaded& loaded, int64_t index,
                                          V (&)[1]) const {
        store_values(g + index, this->gradient(channels, loaded));
    }
};

template <class T>
struct BiasGradient : EpilogueGradient<T> {
    static constexpr int sums = 1;
    // Left alone, ptxas would rather spill bf16 on 9.0 than run fewer blocks at a time.
    static constexpr int least_blocks = is_half_type<T> ? 2 : 0;

    explicit BiasGradient(const ConvBackward& args) : EpilogueGradient<T>(args) {}

    template <class Channels, class Loaded, class V>
    __device__ __forceinline__ void apply(const Channels& channels, const Loaded& loaded, int64_t,
                                          V (&sum)[1]) const {
        const V g = this->gradient(channels, loaded);
        VITRINE_UNROLL
        for (int i = 0; i < V::size; ++i) sum[0][i] += g[i];
    }
};

/// d_u = d_a · activation'(u), d_x = scale · d_u; with `wanted_sums` 2: Σ d_u · x and Σ d_u.
template <class T, int wanted_sums>
struct PrologueGradient {
    using Element = Accumulate<T>;
    static constexpr int sums = wanted_sums;
    static constexpr int least_blocks = 2;  // as for ThroughPrologue

    const T* x;
    const Element* d_a;
    const Element* scale;
    const Element* shift;
    Activation activation;
    ValuesWriter<T> d_x;

    template <class V>
    struct Loaded {
        V x;
        V d_a;
    };

    template <class V>
    __device__ __forceinline__ ChannelAffine<V> at(int64_t channel, int64_t) const {
        return {scale, shift, channel};
    }
    template <class V>
    __device__ __forceinline__ Loaded<V> load(int64_t index) const {
        return {load_values<V>(x + index), load_values<V>(d_a + index)};
    }
    template <class V, int count>
    __device__ __forceinline__ void apply(const ChannelAffine<V>& affine, const Loaded<V>& loaded,
                                          int64_t index, V (&sum)[count]) const {
        V result;
        VITRINE_UNROLL
        for (int i = 0; i < V::size; ++i) {
            const Element a = clamped(activation, affine(loaded.x, i));
            const Element d_u = inside_clamp(activation, a) ? loaded.d_a[i] : Element(0);
            result[i] = affine.scale[i] * d_u;
            if constexpr (sums == 2) {
                sum[0][i] = multiply_add(d_u, loaded.x[i], sum[0][i]);
                sum[1][i] += d_u;
            }
        }
        if (d_x) d_x(index, result);
    }
};

template <class T>
const T* typed(const void* data) {
    return static_cast<const T*>(data);
}

/// a of `count` elements, by threads that each take 16 bytes of T, or one value.
template <class T, class From, class To>
void copy_through(const From* x, int64_t count, int64_t channels, const Prologue& prologue,
                  const Gradient& a) {
    using A = Accumulate<T>;
    if (count == 0) return;
    const ThroughPrologue<From, To> body{x, typed<A>(prologue.scale), typed<A>(prologue.shift),
                                         prologue.activation, ValuesWriter<To>(a)};
    with_values<T>(packs_fit<T>(channels, x, prologue.scale, prologue.shift, a.data),
                   [&]<class V>() { run_over_columns<V>(body, 1, count / channels, channels); });
}

/// Elements in the type that is computed in: those themselves where they are.
template <class T>
const Accumulate<T>* widened(const void* from, int64_t count, int64_t channels, Context& context) {
    if constexpr (!is_half_type<T>) {
        return typed<T>(from);
    } else {
        float* wide = context.scratch.take<float>(count);
        copy_through<T, T, float>(typed<T>(from), count, channels, {}, {wide});
        return wide;
    }
}

/// What was computed wide, into a tensor of 16-bit values.
template <class T>
void narrow(const Accumulate<T>* from, int64_t count, int64_t channels, const Gradient& to) {
    copy_through<T, Accumulate<T>, T>(from, count, channels, {}, to);
}

/// a, in scratch; x itself if the prologue is plain and x can be computed with.
template <class T>
const Accumulate<T>* through_prologue(const ConvShape& shape, const void* x, const Prologue& prologue,
                                      Context& context) {
    using A = Accumulate<T>;
    const int64_t count = shape.in_pixels() * shape.in_channels;
    if (prologue.plain()) return widened<T>(x, count, shape.in_channels, context);
    if (!is_clamp(prologue.activation)) {
        const A* u = through_prologue<T>(shape, x, before_curve(prologue), context);
        return through_curve<activation_forward, A>(shape, u, prologue.activation, context);
    }
    A* a = context.scratch.take<A>(count);
    copy_through<T, T, A>(typed<T>(x), count, shape.in_channels, prologue, {a});
    return a;
}

template <class T>
bool upstream_packs_fit(const ConvBackward& args) {
    return packs_fit<T>(args.shape.out_channels, args.d_y, args.y, args.mean, args.d_mean, args.d_m2);
}

/// g, in scratch; d_y itself if nothing comes through the epilogue and d_y can be computed with.
template <class T>
const Accumulate<T>* through_epilogue(const ConvBackward& args, Context& context) {
    using A = Accumulate<T>;
    const int64_t channels = args.shape.out_channels;
    const int64_t count = args.shape.out_pixels() * channels;
    if (args.d_mean == nullptr && args.d_m2 == nullptr) return widened<T>(args.d_y, count, channels, context);
    A* g = context.scratch.take<A>(count);
    with_values<T>(upstream_packs_fit<T>(args), [&]<class V>() {
        run_over_columns<V>(ThroughEpilogue<T>(args, g), 1, args.shape.out_pixels(), channels);
    });
    return g;
}

template <class T>
void sum_bias_gradient(const ConvBackward& args, Context& context) {
    const int64_t channels = args.shape.out_channels;
    with_values<T>(upstream_packs_fit<T>(args), [&]<class V>() {
        sum_over_columns_to<V>(BiasGradient<T>(args), args.shape.out_pixels(), channels,
                               PutSum<Accumulate<T>>{GradientWriter<Accumulate<T>>(args.d_bias)}, context);
    });
}

template <class T>
void run_prologue_gradient(const ConvBackward& args, const Accumulate<T>* d_a, Context& context) {
    using A = Accumulate<T>;
    const int64_t pixels = args.shape.in_pixels(), channels = args.shape.in_channels;
    const Prologue& prologue = args.prologue;
    if (!is_clamp(prologue.activation)) {
        ConvBackward affine = args;
        affine.prologue = before_curve(prologue);
        const A* u = through_prologue<T>(args.shape, args.x, affine.prologue, context);
        const A* d_u =
            curve_gradient<activation_backward, A>(args.shape, u, d_a, prologue.activation, context);
        return run_prologue_gradient<T>(affine, d_u, context);
    }
    const bool packs = packs_fit<T>(channels, args.x, d_a, prologue.scale, prologue.shift, args.d_x.data);
    const auto body = [&]<int sums>() {
        return PrologueGradient<T, sums>{typed<T>(args.x),         d_a,
                                         typed<A>(prologue.scale), typed<A>(prologue.shift),
                                         prologue.activation,      ValuesWriter<T>(args.d_x)};
    };
    with_values<T>(packs, [&]<class V>() {
        if (!args.d_scale && !args.d_shift) {
            run_over_columns<V>(body.template operator()<0>(), 1, pixels, channels);
            return;
        }
        sum_over_columns_to<V>(body.template operator()<2>(), pixels, channels,
                               PutPrologueSums<A>(args, context), context);
    });
}

template <class T>
void forward(const ConvForward& args, Context& context, void (*plain)(const ConvForward&, Context&)) {
    using A = Accumulate<T>;
    const ConvShape& shape = args.shape;
    const int64_t pixels = shape.out_pixels(), channels = shape.out_channels;
    ConvForward inner = args;
    inner.dtype = dtype_of<A>;
    inner.x = through_prologue<T>(shape, args.x, args.prologue, context);
    inner.weight = widened<T>(args.weight, shape.weight_count(), channels, context);
    inner.prologue = {};
    inner.epilogue = {};
    if (is_half_type<T>) inner.y = context.scratch.take<A>(pixels * channels);
    plain(inner, context);
    output_moments(args, inner.y, context);
    if (is_half_type<T>) narrow<T>(typed<A>(inner.y), pixels * channels, channels, {args.y});
}

template <class T>
void backward(const ConvBackward& args, Context& context, void (*plain)(const ConvBackward&, Context&)) {
    using A = Accumulate<T>;
    const ConvShape& shape = args.shape;
    const int64_t count = shape.in_pixels() * shape.in_channels;
    const bool through = !args.prologue.plain() && (args.d_x || args.d_scale || args.d_shift);
    if (!args.d_weight && !through && !args.d_x) return bias_gradient(args, context);
    ConvBackward inner = args;
    inner.dtype = dtype_of<A>;
    inner.d_bias = inner.d_scale = inner.d_shift = {};
    inner.prologue = {};
    inner.d_y = through_epilogue<T>(args, context);
    inner.y = inner.mean = inner.d_mean = inner.d_m2 = nullptr;
    if (args.d_bias) {
        // What has been through the epilogue is not sent through it again.
        ConvBackward upstream = inner;
        upstream.d_bias = args.d_bias;
        bias_gradient(upstream, context);
    }
    if (args.d_weight) inner.x = through_prologue<T>(shape, args.x, args.prologue, context);
    inner.weight = widened<T>(args.weight, shape.weight_count(), shape.out_channels, context);
    const bool in_scratch = through || (is_half_type<T> && args.d_x);
    A* d_a = in_scratch ? context.scratch.take<A>(count) : nullptr;
    if (in_scratch) inner.d_x = {d_a, GradMode::write};
    plain(inner, context);
    if (through) {
        prologue_gradient(args, d_a, context);
    } else if (in_scratch) {
        narrow<T>(d_a, count, shape.in_channels, args.d_x);
    }
}

}  // namespace

void forward_around(const ConvForward& args, Context& context, void (*plain)(const ConvForward&, Context&)) {
    dispatch_storage(args.dtype, [&]<class T>() { forward<T>(args, context, plain); });
}

void backward_around(const ConvBackward& args, Context& context,
                     void (*plain)(const ConvBackward&, Context&)) {
    dispatch_storage(args.dtype, [&]<class T>() { backward<T>(args, context, plain); });
}

void output_moments(const ConvForward& args, const void* unrounded, Context& context) {
    if (args.epilogue.plain()) return;
    dispatch_float(accumulate_of(args.dtype), [&]<class A>() {
        channel_moments(typed<A>(unrounded == nullptr ? args.y : unrounded), args.shape.out_pixels(),
                        args.shape.out_channels, static_cast<A*>(args.epilogue.mean),
                        static_cast<A*>(args.epilogue.m2), context);
    });
}

const float* WideCopies::widen(DType half, const void* from, int64_t rows, int64_t channels,
                               Context& context) {
    float* wide = context.scratch.take<float>(rows * channels);
    dispatch_half(half, [&]<class T>() {
        copy_through<T, T, float>(typed<T>(from), rows * channels, channels, {}, {wide});
    });
    return wide;
}

void WideCopies::narrow(DType half, const float* from, int64_t rows, int64_t channels, const Gradient& to) {
    dispatch_half(half,
                  [&]<class T>() { copy_through<T, float, T>(from, rows * channels, channels, {}, to); });
}

void bias_gradient(const ConvBackward& args, Context& context) {
    if (!args.d_bias) return;
    dispatch_storage(args.dtype, [&]<class T>() { sum_bias_gradient<T>(args, context); });
}

void prologue_gradient(const ConvBackward& args, const void* d_a, Context& context) {
    if (!args.d_x && !args.d_scale && !args.d_shift) return;
    dispatch_storage(args.dtype,
                     [&]<class T>() { run_prologue_gradient<T>(args, typed<Accumulate<T>>(d_a), context); });
}

}  // namespace vitrine::VITRINE_GPU

// Where a pending normalisation must happen after all, with its residual: one pass each way, which only moves memory.
//
// Bytes of floats for each element: forward reads a and b and writes z, 12 (8 without b); backward reads d_z, z, and
// what has a scale, and writes each operand's gradient, 16 for one and 24 for two. A dozen FLOPs are nothing
// beside that. Gradients and sums leave in the same pass, and its last blocks put the chunks' sums together
// (channel_last.h): a launch each way.
//
//     elements   one value an access (channel_reduce.h)
//     packs      16 bytes an access, 4 rows of them under way

#include <utility>

#include "kernels/cuda/channel_reduce.h"
#include "kernels/cuda/conv_parts.h"

namespace vitrine::VITRINE_GPU {
namespace {

/// Longer chunks than other passes have: what belongs to a channel is four values with two operands, which every thread
/// loads for its rows.
constexpr Shares resolve_shares{2048, 2 * rows_in_flight};

/// An Affine of elements of T.
template <class T>
struct Operand {
    const T* x;  // null: absent
    const Accumulate<T>* scale;
    const Accumulate<T>* shift;

    explicit Operand(const Affine& affine)
        : x(static_cast<const T*>(affine.x)),
          scale(static_cast<const Accumulate<T>*>(affine.scale)),
          shift(static_cast<const Accumulate<T>*>(affine.shift)) {}

    template <class V>
    __device__ __forceinline__ ChannelAffine<V> at(int64_t channel) const {
        return {scale, shift, channel};
    }
};

// Forward. z may be an operand's buffer: every thread reads its own elements before it writes them.

template <class T>
struct Resolve {
    using Element = Accumulate<T>;
    static constexpr int sums = 0;
    // Left alone, ptxas would rather spill on 8.0 than run fewer blocks at a time.
    static constexpr int least_blocks = 2;

    Operand<T> a;
    Operand<T> b;
    Activation activation;
    T* z;

    explicit Resolve(const ResolveForward& args)
        : a(args.a), b(args.b), activation(args.activation), z(static_cast<T*>(args.z)) {}

    template <class V>
    struct Channels {
        ChannelAffine<V> a;
        ChannelAffine<V> b;
    };
    template <class V>
    struct Loaded {
        V a;
        V b;
    };

    template <class V>
    __device__ __forceinline__ Channels<V> at(int64_t channel, int64_t) const {
        return {a.template at<V>(channel), b.template at<V>(channel)};
    }
    template <class V>
    __device__ __forceinline__ Loaded<V> load(int64_t index) const {
        return {load_values<V>(a.x + index), load_values_or<V>(b.x, index, Element(0))};
    }
    template <class V>
    __device__ __forceinline__ void apply(const Channels<V>& channels, const Loaded<V>& loaded, int64_t index,
                                          V (&)[1]) const {
        V result;
        VITRINE_UNROLL
        for (int i = 0; i < V::size; ++i) {
            result[i] = clamped(activation, channels.a(loaded.a, i) + channels.b(loaded.b, i));
        }
        store_values(z + index, result);
    }
};

// Backward.

/// An operand and what is wanted of it.
struct Side {
    Affine operand;
    AffineGradient gradient;

    bool wants_sums() const { return gradient.scale || gradient.shift; }
};

/// Both operands, the one whose sums are wanted first.
struct Sides {
    Side first;
    Side second;

    explicit Sides(const ResolveBackward& args) : first{args.a, args.d_a}, second{args.b, args.d_b} {
        if (!first.wants_sums()) std::swap(first, second);
    }

    /// Σ d_u · first and Σ d_u, and Σ d_u · second.
    int sums() const { return second.wants_sums() ? 3 : first.wants_sums() ? 2 : 0; }
};

/// d_u, the gradients of both operands, and the sums.
template <class T, int wanted_sums>
struct ResolveGradient {
    using Element = Accumulate<T>;
    static constexpr int sums = wanted_sums;
    // Left alone, ptxas would rather spill on 9.0 than run fewer blocks at a time.
    static constexpr int least_blocks = 2;

    Operand<T> first;  // x is null where d_scale is not wanted; second alike
    Operand<T> second;
    Activation activation;
    const T* z;  // null: the activation is the identity
    const T* d_z;
    ValuesWriter<T> d_first;
    ValuesWriter<T> d_second;

    ResolveGradient(const ResolveBackward& args, const Sides& sides)
        : first(sides.first.operand),
          second(sides.second.operand),
          activation(args.activation),
          z(activation == Activation::identity ? nullptr : static_cast<const T*>(args.z)),
          d_z(static_cast<const T*>(args.d_z)),
          d_first(sides.first.gradient.x),
          d_second(sides.second.gradient.x) {
        if (!sides.first.gradient.scale) first.x = nullptr;
        if (!sides.second.gradient.scale) second.x = nullptr;
    }

    template <class V>
    struct Scales {
        V first;
        V second;
    };
    template <class V>
    struct Loaded {
        V d_z;
        V z;
        V first;
        V second;
    };

    template <class V>
    __device__ __forceinline__ Scales<V> at(int64_t channel, int64_t) const {
        return {load_values_or<V>(first.scale, channel, Element(1)),
                load_values_or<V>(second.scale, channel, Element(1))};
    }
    template <class V>
    __device__ __forceinline__ Loaded<V> load(int64_t index) const {
        Loaded<V> loaded{};
        loaded.d_z = load_values<V>(d_z + index);
        loaded.z = load_values_or<V>(z, index, Element(0));
        if constexpr (sums >= 2) loaded.first = load_values_or<V>(first.x, index, Element(0));
        if constexpr (sums == 3) loaded.second = load_values_or<V>(second.x, index, Element(0));
        return loaded;
    }
    template <class V, int count>
    __device__ __forceinline__ void apply(const Scales<V>& scales, const Loaded<V>& loaded, int64_t index,
                                          V (&sum)[count]) const {
        V to_first, to_second;
        VITRINE_UNROLL
        for (int i = 0; i < V::size; ++i) {
            const Element d_u = inside_clamp(activation, loaded.z[i]) ? loaded.d_z[i] : Element(0);
            to_first[i] = scales.first[i] * d_u;
            to_second[i] = scales.second[i] * d_u;
            if constexpr (sums >= 2) {
                sum[0][i] = multiply_add(d_u, loaded.first[i], sum[0][i]);
                sum[1][i] += d_u;
            }
            if constexpr (sums == 3) sum[2][i] = multiply_add(d_u, loaded.second[i], sum[2][i]);
        }
        if (d_first) d_first(index, to_first);
        if (d_second) d_second(index, to_second);
    }
};

/// What becomes of a channel's sums, of T: both operands are shifted by the same one.
template <class T>
struct PutSums {
    GradientWriter<T> d_first_scale;
    GradientWriter<T> d_first_shift;
    GradientWriter<T> d_second_scale;
    GradientWriter<T> d_second_shift;
    NormOfGradients<T> first_norm;
    NormOfGradients<T> second_norm;

    PutSums(const Sides& sides, Context& context)
        : d_first_scale(sides.first.gradient.scale),
          d_first_shift(sides.first.gradient.shift),
          d_second_scale(sides.second.gradient.scale),
          d_second_shift(sides.second.gradient.shift),
          first_norm(norm_of(sides.first, context)),
          second_norm(norm_of(sides.second, context)) {}

    __device__ __forceinline__ void operator()(int number, int64_t channel, T sum) const {
        if (number == 0 && d_first_scale) d_first_scale(channel, sum);
        if (number == 1 && d_first_shift) d_first_shift(channel, sum);
        if (number == 1 && d_second_shift) d_second_shift(channel, sum);
        if (number == 2 && d_second_scale) d_second_scale(channel, sum);
    }
    template <int threads>
    __device__ __forceinline__ void norms_of(const ChannelTile& tile) const {
        first_norm.template of_channels<threads>(tile.first, tile.channels);
        second_norm.template of_channels<threads>(tile.first, tile.channels);
    }
    __device__ __forceinline__ void norms_of(int64_t channel) const {
        first_norm.of_channel(channel);
        second_norm.of_channel(channel);
    }

  private:
    static NormOfGradients<T> norm_of(const Side& side, Context& context) {
        return norm_behind<T>(side.gradient.scale, side.gradient.shift, context);
    }
};

template <class V, int sums, class T>
void backward(const ResolveBackward& args, const Sides& sides, Context& context) {
    const ResolveGradient<T, sums> body(args, sides);
    if constexpr (sums == 0) {
        run_over_columns<V>(body, 1, args.rows, args.channels, resolve_shares);
    } else {
        sum_over_columns_to<V>(body, args.rows, args.channels, PutSums<Accumulate<T>>(sides, context),
                               context);
    }
}

// The lists.

const char* refuses_packs_forward(const ResolveForward& args) {
    if (const char* reason = refuses_curve_to_resolve(args)) return reason;
    return refuses_packs(args.dtype, args.channels, args.a.x, args.a.scale, args.a.shift, args.b.x,
                         args.b.scale, args.b.shift, args.z);
}

const char* refuses_packs_backward(const ResolveBackward& args) {
    if (const char* reason = refuses_curve_to_resolve(args)) return reason;
    return refuses_packs(args.dtype, args.channels, args.a.x, args.a.scale, args.b.x, args.b.scale, args.z,
                         args.d_z, args.d_a.x.data, args.d_b.x.data);
}

template <template <class> class Values>
constexpr auto run_forward = all_types([]<class T>(const ResolveForward& args, Context&) {
    run_over_columns<Values<T>>(Resolve<T>(args), 1, args.rows, args.channels, resolve_shares);
});

template <template <class> class Values>
constexpr auto run_backward = all_types([]<class T>(const ResolveBackward& args, Context& context) {
    if (!args.d_a && !args.d_b) return;
    const Sides sides(args);
    switch (sides.sums()) {
        case 0:
            return backward<Values<T>, 0, T>(args, sides, context);
        case 2:
            return backward<Values<T>, 2, T>(args, sides, context);
        default:
            return backward<Values<T>, 3, T>(args, sides, context);
    }
});

constexpr Implementation<ResolveForward> forward_list[]{
    {"packs", refuses_packs_forward, run_forward<Pack>},
    {"elements", refuses_curve_to_resolve<ResolveForward>, run_forward<Single>}};
constexpr Implementation<ResolveBackward> backward_list[]{
    {"packs", refuses_packs_backward, run_backward<Pack>},
    {"elements", refuses_curve_to_resolve<ResolveBackward>, run_backward<Single>}};

}  // namespace

const Kernel<ResolveForward> resolve_forward{"resolve_forward", forward_list};
const Kernel<ResolveBackward> resolve_backward{"resolve_backward", backward_list};

}  // namespace vitrine::VITRINE_GPU

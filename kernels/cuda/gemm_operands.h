// What a matrix product multiplies: loaders that find and prepare the values of A and B.
//
// A product C[m, n] = Σ_k A(m, k) · B(k, n) never asks how A and B lie in memory. It asks a loader for a few
// neighbouring values at (line, k), where a line is a row m of A or a column n of B. A loader, passed to the
// kernel by value, has
//
//     Stored             float, double, bf16 or f16: what lies in memory (stored_values.h)
//     Element            Accumulate<Stored>: what is multiplied
//     Value              Pack<Element> or Single<Element>: what one load brings
//     along_k            true: the values of a load are neighbours in k, at one line
//                        false: they are neighbouring lines, at one k
//     Line line(int)     what belongs to a line (an offset, the pixel of a window…): found once for each of
//                        a thread's lines before the first k; the argument is a valid line
//     Depth depth(int)   what belongs to a k (an offset, the tap and channel, scale and shift…): found once a
//                        load if along_k is false, and once for all lines of a tile of k if it is true
//     Raw fetch(line, depth)          starts the load: what must come from memory for each value
//     Value finish(line, depth, raw)  the values, worked out when the tile before has been multiplied: here
//                                     belongs what waits for the load (a prologue, zero padding)
//     Raw finish_rounded(line, depth, raw)  only where 16-bit values are multiplied, and then in place of the former: the words
//                                     that its values are rounded to
//     const Stored* address(line, depth)  only where they are multiplied as they lie there, so that a tile of these may
//                                     copy them and call neither of the two
//
// Line, Depth and Raw are the loader's own types and can be value-initialised. Beyond the last line and the
// last k the core asks for nothing and puts zeros. A loader with packs is only right if the extent along
// which it loads is a multiple of the pack.
//
// The loaders of this file read plain row-major matrices, element by element through a `source` that knows
// what stands between memory and the product: nothing, a convolution's prologue, or its epilogue's gradient.
#pragma once

#include "kernels/cuda/clamp_bounds.h"
#include "kernels/cuda/conv_parts.h"
#include "kernels/cuda/stored_values.h"

namespace vitrine::VITRINE_GPU {

/// The matrix as it lies in memory.
template <class V, class T>
struct PlainSource {
    using Stored = T;
    using Element = Accumulate<T>;
    using Value = V;
    struct Channel {};
    using Raw = StoredValues<V, T>;

    const T* matrix;

    __device__ __forceinline__ Channel channel(int) const { return {}; }
    __device__ __forceinline__ const T* address(int index) const { return matrix + index; }
    __device__ __forceinline__ Raw fetch(int index) const { return fetch_values<V>(address(index)); }
    __device__ __forceinline__ Value finish(const Channel&, const Raw& raw) const {
        return widen_values<V, T>(raw);
    }
};

/// activation(scale_c · x + shift_c). Without scale and shift they are 1 and −0, which change no bit of any x. Of 16-bit values
/// nobody asks for the scale or the clamp's name; floats, whose products by multiply-adds have no register to spare, do.
template <class V, class T>
struct PrologueSource {
    using Stored = T;
    using Element = Accumulate<T>;
    using Value = V;
    struct Channel {
        V scale;
        V shift;
    };
    using Raw = StoredValues<V, T>;

    const T* x;
    const Element* scale;
    const Element* shift;
    Activation activation;
    ClampBounds<Element> clamp;
    HalfClampBounds<T> half_clamp;

    explicit PrologueSource(const void* matrix, const Prologue& prologue)
        : x(static_cast<const T*>(matrix)),
          scale(static_cast<const Element*>(prologue.scale)),
          shift(static_cast<const Element*>(prologue.shift)),
          activation(prologue.activation),
          clamp(prologue.activation),
          half_clamp(prologue.activation) {}

    __device__ __forceinline__ Channel channel(int c) const {
        if (scale == nullptr) return {all_values<V>(Element(1)), all_values<V>(-Element(0))};
        return {load_values<V>(scale + c), load_values<V>(shift + c)};
    }
    __device__ __forceinline__ Raw fetch(int index) const { return fetch_values<V>(x + index); }
    __device__ __forceinline__ Value before_clamp(const Channel& channel, const Raw& raw) const {
        V v = widen_values<V, T>(raw);
        if (is_half_type<T> || scale != nullptr) {
            VITRINE_UNROLL
            for (int i = 0; i < V::size; ++i) v[i] = multiply_add(channel.scale[i], v[i], channel.shift[i]);
        }
        return v;
    }
    __device__ __forceinline__ Value finish(const Channel& channel, const Raw& raw) const {
        V v = before_clamp(channel, raw);
        VITRINE_UNROLL
        for (int i = 0; i < V::size; ++i) v[i] = is_half_type<T> ? clamp(v[i]) : clamped(activation, v[i]);
        return v;
    }
    /// What finish() is rounded to.
    __device__ __forceinline__ Raw finish_rounded(const Channel& channel, const Raw& raw) const
        requires(is_half_type<T>&& V::size > 1) {
        const V v = before_clamp(channel, raw);
        Raw a;
        VITRINE_UNROLL
        for (int i = 0; i < V::size; i += 2) a.word[i / 2] = half_clamp.word(v[i], v[i + 1]);
        return a;
    }
};

/// g = d_y + d_mean_o / M + 2 · d_m2_o · (y − mean_o): see kernels/conv.h.
template <class V, class T>
struct UpstreamSource {
    using Stored = T;
    using Element = Accumulate<T>;
    using Value = V;
    struct Channel {
        V mean;
        V offset;  // d_mean / M
        V slope;   // 2 · d_m2
    };
    struct Raw {
        StoredValues<V, T> d_y;
        StoredValues<V, T> y;
    };

    UpstreamOn<T> upstream;
    Element share;  // of upstream, from where nvcc 13.0 makes the loops of d_x of dense_conv a tenth longer

    explicit UpstreamSource(const ConvBackward& args) : upstream(args), share(upstream.share) {}

    __device__ __forceinline__ bool plain() const { return upstream.d_mean == nullptr; }

    __device__ __forceinline__ Channel channel(int o) const {
        if (plain()) return {};
        Channel channel{load_values<V>(upstream.mean + o), load_values<V>(upstream.d_mean + o),
                        load_values<V>(upstream.d_m2 + o)};
        VITRINE_UNROLL
        for (int i = 0; i < V::size; ++i) {
            channel.offset[i] *= share;
            channel.slope[i] *= Element(2);
        }
        return channel;
    }
    __device__ __forceinline__ Raw fetch(int index) const {
        if (plain()) return {fetch_values<V>(upstream.d_y + index), {}};
        return {fetch_values<V>(upstream.d_y + index), fetch_values<V>(upstream.y + index)};
    }
    __device__ __forceinline__ Value finish(const Channel& channel, const Raw& raw) const {
        V v = widen_values<V, T>(raw.d_y);
        if (plain()) return v;
        const V y = widen_values<V, T>(raw.y);
        VITRINE_UNROLL
        for (int i = 0; i < V::size; ++i) {
            v[i] = multiply_add(channel.slope[i], y[i] - channel.mean[i], v[i] + channel.offset[i]);
        }
        return v;
    }
};

/// Of 16-bit values it is d_y + offset + slope · y, an instruction less: y has 8 or 11 of a float's 24 bits, so that what a mean
/// that is large beside the deviation costs of them is nothing. Without statistics slope is 0, and y is d_y once more.
template <class V, class T>
requires(is_half_type<T>) struct UpstreamSource<V, T> {
    using Stored = T;
    using Element = float;
    using Value = V;
    struct Channel {
        V slope;   // 2 · d_m2
        V offset;  // d_mean / M − slope · mean
    };
    struct Raw {
        StoredValues<V, T> d_y;
        StoredValues<V, T> y;
    };

    UpstreamOn<T> upstream;
    const T* y;

    explicit UpstreamSource(const ConvBackward& args)
        : upstream(args), y(upstream.plain() ? upstream.d_y : upstream.y) {}

    __device__ __forceinline__ bool plain() const { return upstream.plain(); }

    __device__ __forceinline__ Channel channel(int o) const {
        if (plain()) return {all_values<V>(0.0F), all_values<V>(-0.0F)};
        const V mean = load_values<V>(upstream.mean + o), d_mean = load_values<V>(upstream.d_mean + o),
                d_m2 = load_values<V>(upstream.d_m2 + o);
        Channel channel;
        VITRINE_UNROLL
        for (int i = 0; i < V::size; ++i) {
            channel.slope[i] = 2.0F * d_m2[i];
            channel.offset[i] = multiply_add(-channel.slope[i], mean[i], d_mean[i] * upstream.share);
        }
        return channel;
    }
    __device__ __forceinline__ Raw fetch(int index) const {
        return {fetch_values<V>(upstream.d_y + index), fetch_values<V>(y + index)};
    }
    __device__ __forceinline__ Value finish(const Channel& channel, const Raw& raw) const {
        V g = widen_values<V, T>(raw.d_y);
        const V of_y = widen_values<V, T>(raw.y);
        VITRINE_UNROLL
        for (int i = 0; i < V::size; ++i) {
            g[i] = multiply_add(channel.slope[i], of_y[i], g[i] + channel.offset[i]);
        }
        return g;
    }
};

/// Whether the values of a source, or of a loader that reads through it, must reach the sums as floats also where 16-bit values
/// are multiplied. What the statistics add to a gradient cancels over the pixels, and so d_scale, d_shift and the weight's
/// gradient are small beside their terms; a rounding of each g would not cancel.
template <class>
constexpr bool keeps_floats = false;
template <class V, class T>
constexpr bool keeps_floats<UpstreamSource<V, T>> = true;
template <template <class> class Loader, class Source>
constexpr bool keeps_floats<Loader<Source>> = keeps_floats<Source>;

/// The matrix [lines, k]: each line is contiguous. A in a forward product, B where the weight is [n, k].
template <class Source>
struct LinesOfMatrix {
    using Stored = typename Source::Stored;
    using Element = typename Source::Element;
    using Value = typename Source::Value;
    using Raw = typename Source::Raw;
    using Line = int;  // where it begins
    struct Depth {
        int k;
        typename Source::Channel channel;
    };
    static constexpr bool along_k = true;

    Source source;
    int row_length;

    __device__ __forceinline__ Line line(int index) const { return index * row_length; }
    __device__ __forceinline__ Depth depth(int k) const { return {k, source.channel(k)}; }
    __device__ __forceinline__ const Stored* address(const Line& begin,
                                                     const Depth& depth) const requires requires {
        source.address(0);
    }
    { return source.address(begin + depth.k); }
    __device__ __forceinline__ Raw fetch(const Line& begin, const Depth& depth) const {
        return source.fetch(begin + depth.k);
    }
    __device__ __forceinline__ Value finish(const Line&, const Depth& depth, const Raw& raw) const {
        return source.finish(depth.channel, raw);
    }
    __device__ __forceinline__ Raw finish_rounded(const Line&, const Depth& depth,
                                                  const Raw& raw) const requires requires {
        source.finish_rounded(depth.channel, raw);
    }
    { return source.finish_rounded(depth.channel, raw); }
};

/// The matrix [k, lines]: each k is contiguous. Both sides of a weight gradient, whose k are the pixels.
template <class Source>
struct RowsOfDepth {
    using Stored = typename Source::Stored;
    using Element = typename Source::Element;
    using Value = typename Source::Value;
    using Raw = typename Source::Raw;
    struct Line {
        int index;
        typename Source::Channel channel;
    };
    using Depth = int;  // where its row begins
    static constexpr bool along_k = false;

    Source source;
    int row_length;

    __device__ __forceinline__ Line line(int index) const { return {index, source.channel(index)}; }
    __device__ __forceinline__ Depth depth(int k) const { return k * row_length; }
    __device__ __forceinline__ const Stored* address(const Line& line,
                                                     const Depth& begin) const requires requires {
        source.address(0);
    }
    { return source.address(begin + line.index); }
    __device__ __forceinline__ Raw fetch(const Line& line, const Depth& begin) const {
        return source.fetch(begin + line.index);
    }
    __device__ __forceinline__ Value finish(const Line& line, const Depth&, const Raw& raw) const {
        return source.finish(line.channel, raw);
    }
    __device__ __forceinline__ Raw finish_rounded(const Line& line, const Depth&,
                                                  const Raw& raw) const requires requires {
        source.finish_rounded(line.channel, raw);
    }
    { return source.finish_rounded(line.channel, raw); }
};

/// Whether a loader reads a matrix that lies row by row, and no windows.
template <class>
constexpr bool reads_matrix = false;
template <class Source>
constexpr bool reads_matrix<LinesOfMatrix<Source>> = true;
template <class Source>
constexpr bool reads_matrix<RowsOfDepth<Source>> = true;

}  // namespace vitrine::VITRINE_GPU

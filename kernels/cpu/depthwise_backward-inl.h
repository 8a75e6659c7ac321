// Depthwise convolution backward over one row of x.
//
// Written as a gather over x: the gradients of y under the taps of one pixel of x give, in the same loads,
// its d_x (with the weights) and its share of d_weight (with the pixel itself). So x and d_y are read once,
// d_x is written once, and x needs no staging: its padding is zero and adds nothing to d_weight.

#if defined(VITRINE_KERNELS_CPU_DEPTHWISE_BACKWARD_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef VITRINE_KERNELS_CPU_DEPTHWISE_BACKWARD_INL_H
#undef VITRINE_KERNELS_CPU_DEPTHWISE_BACKWARD_INL_H
#else
#define VITRINE_KERNELS_CPU_DEPTHWISE_BACKWARD_INL_H
#endif

#include <algorithm>
#include <vector>

#include "kernels/cpu/depthwise_conv.h"
#include "kernels/cpu/simd-inl.h"
#include "kernels/cpu/windows.h"

HWY_BEFORE_NAMESPACE();
namespace vitrine::cpu::HWY_NAMESPACE {
namespace {

/// One row of x, its gradient, and the rows of gradients of y that reach it. X: what x and d_x are stored in.
template <class T, class X = T>
struct InputRow {
    int64_t h;
    const X* x;
    X* d_x;               // null if nobody wants it
    Accumulate<T>* sums;  // as DepthwiseBackward::partial, of one block
    /// Of tap row p of the kernel, from column 0 of the source; zeros where it has none.
    const Accumulate<T>* const* gradients;
    RowAhead<X> x_ahead;
    RowAhead<X> d_x_ahead;
    RowAhead<T> gradients_ahead;
};

/// The chain rule from a = activation(scale · x + shift) back to x at one vector of channels, and the sums for scale
/// and shift, which stay in registers along a row.
template <class Part, class T, class X>
class PrologueBackward {
    using A = Accumulate<T>;

  public:
    HWY_INLINE HWY_ATTR PrologueBackward(const DepthwiseBackward<T>& conv, const InputRow<T, X>& row,
                                         const Part& part, int64_t c)
        : conv_(conv), part_(part), d_scale_(row.sums + conv.taps() * conv.source.channels + c) {
        const Prologue& prologue = conv.args.prologue;
        has_scale_ = prologue.scale != nullptr;
        scale_ = shift_ = constant<A>(0);
        if (has_scale_) {
            scale_ = part.load(static_cast<const A*>(prologue.scale) + c);
            shift_ = part.load(static_cast<const A*>(prologue.shift) + c);
        }
        scale_sum_ = hn::Load(hn::ScalableTag<A>(), d_scale_);
        shift_sum_ = hn::Load(hn::ScalableTag<A>(), d_scale_ + conv.source.channels);
    }

    HWY_INLINE HWY_ATTR Vector<A> forward(Vector<A> x) const {
        if (has_scale_) x = hn::MulAdd(x, scale_, shift_);
        return clamped_vector(conv_.args.prologue.activation, x);
    }

    /// Writes d_x to `to`, or adds it there.
    HWY_INLINE HWY_ATTR void backward(Vector<A> x, Vector<A> a, Vector<A> d_a, X* to) {
        const auto d_u = clamp_gradient(conv_.args.prologue.activation, a, d_a);
        scale_sum_ = hn::MulAdd(d_u, x, scale_sum_);
        shift_sum_ = hn::Add(d_u, shift_sum_);
        if (conv_.args.d_x.data == nullptr) return;
        const auto d_x = has_scale_ ? hn::Mul(scale_, d_u) : d_u;
        if (conv_.streams) {
            part_.stream(d_x, to);
        } else {
            part_.store(conv_.args.d_x.mode == GradMode::accumulate ? hn::Add(part_.load(to), d_x) : d_x, to);
        }
    }

    HWY_INLINE HWY_ATTR void store_sums() const {
        hn::Store(scale_sum_, hn::ScalableTag<A>(), d_scale_);
        hn::Store(shift_sum_, hn::ScalableTag<A>(), d_scale_ + conv_.source.channels);
    }

  private:
    const DepthwiseBackward<T>& conv_;
    Part part_;
    A* d_scale_;
    bool has_scale_;
    Vector<A> scale_, shift_, scale_sum_, shift_sum_;
};

template <class T, class X>
using BackwardRow = void (*)(const DepthwiseBackward<T>& conv, const InputRow<T, X>& row);

/// Which columns of gradients reach a tile of pixels from column w on, where (w + padding) mod kStride =
/// kPhase: pixel t meets tap q in column (w + padding) / kStride + (kPhase + t − q) / kStride if that divides
/// evenly.
template <int kKernel, int kStride, int kPhase>
struct TileColumns {
    static constexpr int first = -((kKernel - 1 - kPhase) / kStride);
    static constexpr int count = (kPhase + depthwise_tile - 1) / kStride - first + 1;

    static constexpr bool meets(int t, int q) { return (kPhase + t - q) % kStride == 0; }
    static constexpr int column(int t, int q) { return (kPhase + t - q) / kStride - first; }
};

/// A tile of pixels from column w on, of which only `valid` lie in the row; its columns of gradients begin at
/// `base`.
struct PixelTile {
    int64_t w;
    int64_t base;
    int64_t valid;
};

/// The tap rows p = kRowPhase, kRowPhase + kStride, … of the kernel, which are those that meet a row of x.
template <int kKernel, int kStride, int kRowPhase>
struct TapRows {
    static constexpr int count = (kKernel - kRowPhase + kStride - 1) / kStride;
    static constexpr int at(int k) { return kRowPhase + k * kStride; }
    static constexpr int taps = count * kKernel;
};

/// With kBorder, the tile may reach beyond its row, and columns of gradients beyond theirs: those count as
/// zero.
template <int kKernel, int kStride, int kPhase, int kRowPhase, bool kBorder, class Part, class T, class X>
HWY_INLINE HWY_ATTR void backward_tile(
    const DepthwiseBackward<T>& conv, const InputRow<T, X>& row, const PixelTile& tile, const Part& part,
    int64_t c, PrologueBackward<Part, T, X>& prologue,
    Vector<Accumulate<T>> (&d_weights)[TapRows<kKernel, kStride, kRowPhase>::taps]) {
    using Columns = TileColumns<kKernel, kStride, kPhase>;
    using Rows = TapRows<kKernel, kStride, kRowPhase>;
    constexpr int kTile = depthwise_tile;
    using A = Accumulate<T>;
    const hn::ScalableTag<A> d;
    const int64_t pixel = conv.source.channels, channels = conv.args.shape.in_channels;
    Vector<A> a[kTile], d_a[kTile];
    unrolled<kTile>([&](auto t) HWY_ATTR {
        a[t] = d_a[t] = hn::Zero(d);
        if (kBorder && t >= tile.valid) return;
        a[t] = prologue.forward(part.load(row.x + (tile.w + t) * channels + c));
    });
    unrolled<Rows::count>([&](auto k) HWY_ATTR {
        constexpr int p = Rows::at(k);
        Vector<A> gradients[Columns::count];
        unrolled<Columns::count>([&](auto column) HWY_ATTR {
            const int64_t at = tile.base + column;
            const bool outside = kBorder && (at < 0 || at >= conv.source.width);
            gradients[column] =
                in_register(hn::LoadU(d, (outside ? conv.zero_row : row.gradients[p] + at * pixel) + c));
        });
        unrolled<kKernel>([&](auto q) HWY_ATTR {
            const auto weight = in_register(hn::Load(d, conv.weight + (p * kKernel + q) * pixel + c));
            unrolled<kTile>([&](auto t) HWY_ATTR {
                if constexpr (Columns::meets(t, q)) {
                    const auto gradient = gradients[Columns::column(t, q)];
                    auto& d_weight = d_weights[k * kKernel + q];
                    d_a[t] = hn::MulAdd(weight, gradient, d_a[t]);
                    d_weight = hn::MulAdd(a[t], gradient, d_weight);
                }
            });
        });
    });
    unrolled<kTile>([&](auto t) HWY_ATTR {
        if (kBorder && t >= tile.valid) return;
        const int64_t i = (tile.w + t) * channels + c;
        prologue.backward(part.load(row.x + i), a[t], d_a[t], row.d_x + i);
    });
}

/// A row at one vector of channels, in tiles which all have the same phase: the gradients of the weights stay in
/// registers from its first tile to its last.
template <int kKernel, int kStride, int kPhase, int kRowPhase, class Part, class T, class X>
HWY_INLINE HWY_ATTR void backward_vector(const DepthwiseBackward<T>& conv, const InputRow<T, X>& row,
                                         const Part& part, int64_t c) {
    static_assert(depthwise_tile % kStride == 0);
    using Columns = TileColumns<kKernel, kStride, kPhase>;
    using Rows = TapRows<kKernel, kStride, kRowPhase>;
    using A = Accumulate<T>;
    const hn::ScalableTag<A> d;
    const ConvShape& shape = conv.args.shape;
    const int64_t lanes = lanes_of<A>(), width = shape.in.width;
    const auto sums_of = [&](int i) HWY_ATTR {
        return row.sums + (Rows::at(i / kKernel) * kKernel + i % kKernel) * conv.source.channels + c;
    };
    PrologueBackward<Part, T, X> prologue(conv, row, part, c);
    Vector<A> d_weights[Rows::taps];
    unrolled<Rows::taps>([&](auto i) HWY_ATTR { d_weights[i] = hn::Load(d, sums_of(i)); });
    for (int64_t w = 0; w < width; w += depthwise_tile) {
        const int64_t base = (w + shape.padding.width) / kStride + conv.source.left + Columns::first;
        const PixelTile tile{w, base, width - w};
        row.x_ahead.prefetch(c * width + w * lanes, depthwise_tile);
        row.d_x_ahead.prefetch(c * width + w * lanes, depthwise_tile);
        row.gradients_ahead.prefetch((c * width + w * lanes) / kStride, depthwise_tile / kStride);
        if (base >= 0 && base + Columns::count <= conv.source.width && tile.valid >= depthwise_tile) {
            backward_tile<kKernel, kStride, kPhase, kRowPhase, false>(conv, row, tile, part, c, prologue,
                                                                      d_weights);
        } else {
            backward_tile<kKernel, kStride, kPhase, kRowPhase, true>(conv, row, tile, part, c, prologue,
                                                                     d_weights);
        }
    }
    unrolled<Rows::taps>([&](auto i) HWY_ATTR { hn::Store(d_weights[i], d, sums_of(i)); });
    prologue.store_sums();
}

template <int kKernel, int kStride, int kPhase, int kRowPhase, class T, class X>
HWY_ATTR void backward_row_of_phase(const DepthwiseBackward<T>& conv, const InputRow<T, X>& row) {
    for_each_vector<Accumulate<T>>(conv.args.shape.in_channels, [&](auto part, int64_t c) HWY_ATTR {
        backward_vector<kKernel, kStride, kPhase, kRowPhase>(conv, row, part, c);
    });
}

template <int kKernel, int kStride, int kPhase, class T, class X>
void backward_row(const DepthwiseBackward<T>& conv, const InputRow<T, X>& row) {
    if ((row.h + conv.args.shape.padding.height) % kStride == 0) {
        backward_row_of_phase<kKernel, kStride, kPhase, 0>(conv, row);
    } else {
        backward_row_of_phase<kKernel, kStride, kPhase, kStride - 1>(conv, row);
    }
}

/// Any kernel and stride.
template <class T, class X>
HWY_ATTR void backward_row_general(const DepthwiseBackward<T>& conv, const InputRow<T, X>& row) {
    using A = Accumulate<T>;
    const hn::ScalableTag<A> d;
    const ConvShape& shape = conv.args.shape;
    const int64_t pixel = conv.source.channels, channels = shape.in_channels;
    const Span windows = height_axis(shape).windows_over(row.h);
    const WindowAxis axis = width_axis(shape);
    for (int64_t w = 0; w < shape.in.width; ++w) {
        const Span columns = axis.windows_over(w);
        for_each_vector<A>(channels, [&](auto part, int64_t c) HWY_ATTR {
            const int64_t i = w * channels + c;
            PrologueBackward<decltype(part), T, X> prologue(conv, row, part, c);
            const auto x = part.load(row.x + i), a = prologue.forward(x);
            auto d_a = hn::Zero(d);
            for (int64_t window = windows.begin; window < windows.end; ++window) {
                const int64_t p = row.h + shape.padding.height - window * shape.stride.height;
                for (int64_t j = columns.begin; j < columns.end; ++j) {
                    const int64_t q = w + shape.padding.width - j * shape.stride.width;
                    const int64_t weight = (p * shape.kernel.width + q) * pixel + c;
                    const auto gradient = hn::Load(d, row.gradients[p] + (conv.source.left + j) * pixel + c);
                    d_a = hn::MulAdd(hn::Load(d, conv.weight + weight), gradient, d_a);
                    A* d_weight = row.sums + weight;
                    hn::Store(hn::MulAdd(a, gradient, hn::Load(d, d_weight)), d, d_weight);
                }
            }
            prologue.backward(x, a, d_a, row.d_x + i);
            prologue.store_sums();
        });
    }
}

template <class T, class X>
BackwardRow<T, X> backward_row_for(const DepthwiseBackward<T>& conv) {
    if (conv.general) return backward_row_general<T, X>;
    return conv.args.shape.stride.width == 1 ? backward_row<3, 1, 0, T, X> : backward_row<3, 2, 1, T, X>;
}

}  // namespace
}  // namespace vitrine::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif

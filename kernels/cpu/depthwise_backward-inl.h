// Depthwise convolution backward over one block of rows of x.
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

/// A tap's row p of the kernel, and the staged row of gradients that it brings over the current row of x.
template <class T>
struct TapRow {
    int64_t p;
    const T* gradients;
};

/// One row of x. Its gradient is found by for_each_vector over channels, and written by finish_vector.
template <class T>
class InputRow {
  public:
    InputRow(const DepthwiseBackward<T>& convolution, int64_t pixels_before,
             const std::vector<TapRow<T>>& tap_rows, T* row_sums, RowAhead<T> next_x,
             RowAhead<T> next_gradients)
        : conv(convolution),
          taps(tap_rows),
          sums(row_sums),
          x_ahead(next_x),
          gradients_ahead(next_gradients),
          first_(pixels_before * conv.args.shape.in_channels),
          x_(static_cast<const T*>(conv.args.x) + first_),
          scale_(static_cast<const T*>(conv.args.prologue.scale)),
          shift_(static_cast<const T*>(conv.args.prologue.shift)),
          d_x_(conv.args.d_x),
          wants_scale_(conv.args.d_scale || conv.args.d_shift) {}

    const DepthwiseBackward<T>& conv;
    const std::vector<TapRow<T>>& taps;
    T* sums;  // as DepthwiseBackward::partial, of one block
    RowAhead<T> x_ahead;
    RowAhead<T> gradients_ahead;

    /// x at element `i` of the row, and what the prologue makes of it.
    template <class Part>
    HWY_INLINE HWY_ATTR Vector<T> load(const Part& part, int64_t i) const {
        return part.load(x_ + i);
    }
    template <class Part>
    HWY_INLINE HWY_ATTR Vector<T> through_prologue(const Part& part, int64_t c, Vector<T> x) const {
        if (scale_ != nullptr) x = hn::MulAdd(x, part.load(scale_ + c), part.load(shift_ + c));
        return clamped_vector(conv.args.prologue.activation, x);
    }

    /// From the gradient of a = through_prologue(x) to that of x, of scale and of shift.
    template <class Part>
    HWY_INLINE HWY_ATTR void finish(const Part& part, int64_t c, int64_t i, Vector<T> x, Vector<T> a,
                                    Vector<T> d_a) const {
        const auto d_u = pass_gradient(conv.args.prologue.activation, a, d_a);
        if (wants_scale_) {
            T* d_scale = sums + conv.taps() * conv.source.channels + c;
            T* d_shift = d_scale + conv.source.channels;
            part.store(hn::MulAdd(d_u, x, part.load(d_scale)), d_scale);
            part.store(hn::Add(d_u, part.load(d_shift)), d_shift);
        }
        if (!d_x_) return;
        const auto d_x = scale_ == nullptr ? d_u : hn::Mul(part.load(scale_ + c), d_u);
        if (conv.streams) {
            part.stream(d_x, static_cast<T*>(conv.args.d_x.data) + first_ + i);
        } else {
            d_x_.put(part, first_ + i, d_x);
        }
    }

  private:
    int64_t first_;
    const T* x_;
    const T* scale_;
    const T* shift_;
    VectorGradient<T> d_x_;
    bool wants_scale_;
};

template <class T>
using BackwardRow = void (*)(const InputRow<T>& row);

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

/// With kBorder, the tile may reach beyond its row, and columns of gradients beyond theirs: those count as
/// zero.
template <int kKernel, int kStride, int kPhase, bool kBorder, class Part, class T>
HWY_INLINE HWY_ATTR void backward_vector(const InputRow<T>& row, const PixelTile& tile, const Part& part,
                                         int64_t c) {
    using Columns = TileColumns<kKernel, kStride, kPhase>;
    constexpr int kTile = depthwise_tile;
    const hn::ScalableTag<T> d;
    const int64_t pixel = row.conv.source.channels, channels = row.conv.args.shape.in_channels;
    const int64_t w = tile.w, base = tile.base, valid = tile.valid;
    Vector<T> x[kTile], a[kTile], d_a[kTile];
    row.x_ahead.prefetch(w * channels + c * kTile, kTile);
    row.gradients_ahead.prefetch(w / kStride * channels + c * (kTile / kStride), kTile / kStride);
    unrolled<kTile>([&](auto t) HWY_ATTR {
        x[t] = a[t] = d_a[t] = hn::Zero(d);
        if (kBorder && t >= valid) return;
        x[t] = in_register(row.load(part, (w + t) * channels + c));
        a[t] = row.through_prologue(part, c, x[t]);
    });
    for (const TapRow<T>& tap : row.taps) {
        Vector<T> gradients[Columns::count];
        unrolled<Columns::count>([&](auto k) HWY_ATTR {
            const bool outside = kBorder && (base + k < 0 || base + k >= row.conv.source.width);
            const T* from = outside ? row.conv.zero_row : tap.gradients + (base + k) * pixel;
            gradients[k] = in_register(hn::LoadU(d, from + c));
        });
        unrolled<kKernel>([&](auto q) HWY_ATTR {
            const int64_t weight = (tap.p * kKernel + q) * pixel + c;
            const auto value = in_register(hn::Load(d, row.conv.weight + weight));
            auto d_weight = hn::Load(d, row.sums + weight);
            unrolled<kTile>([&](auto t) HWY_ATTR {
                if constexpr (Columns::meets(t, q)) {
                    d_a[t] = hn::MulAdd(value, gradients[Columns::column(t, q)], d_a[t]);
                    d_weight = hn::MulAdd(a[t], gradients[Columns::column(t, q)], d_weight);
                }
            });
            hn::Store(d_weight, d, row.sums + weight);
        });
    }
    unrolled<kTile>([&](auto t) HWY_ATTR {
        if (kBorder && t >= valid) return;
        row.finish(part, c, (w + t) * channels + c, x[t], a[t], d_a[t]);
    });
}

/// The whole row in tiles, which all have the same phase. The code for tiles at the border also takes the
/// channels of other tiles that fill no vector.
template <int kKernel, int kStride, int kPhase, class T>
HWY_ATTR void backward_row(const InputRow<T>& row) {
    static_assert(depthwise_tile % kStride == 0);
    using Columns = TileColumns<kKernel, kStride, kPhase>;
    const ConvShape& shape = row.conv.args.shape;
    const PixelRows& source = row.conv.source;
    for (int64_t w = 0; w < shape.in.width; w += depthwise_tile) {
        const int64_t base = (w + shape.padding.width) / kStride + source.left + Columns::first;
        const PixelTile tile{w, base, shape.in.width - w};
        int64_t done = 0;
        if (base >= 0 && base + Columns::count <= source.width && tile.valid >= depthwise_tile) {
            for (const int64_t lanes = lanes_of<T>(); done + lanes <= shape.in_channels; done += lanes) {
                backward_vector<kKernel, kStride, kPhase, false>(row, tile, FullVector<T>{}, done);
            }
        }
        for_each_masked_vector<T>(done, shape.in_channels, [&](auto part, int64_t c) HWY_ATTR {
            backward_vector<kKernel, kStride, kPhase, true>(row, tile, part, c);
        });
    }
}

/// Any kernel and stride.
template <class T>
HWY_ATTR void backward_row_general(const InputRow<T>& row) {
    const hn::ScalableTag<T> d;
    const ConvShape& shape = row.conv.args.shape;
    const int64_t pixel = row.conv.source.channels, channels = shape.in_channels;
    const WindowAxis axis = width_axis(shape);
    for (int64_t w = 0; w < shape.in.width; ++w) {
        const Span columns = axis.windows_over(w);
        for_each_vector<T>(channels, [&](auto part, int64_t c) HWY_ATTR {
            const auto x = row.load(part, w * channels + c);
            const auto a = row.through_prologue(part, c, x);
            auto d_a = hn::Zero(d);
            for (const TapRow<T>& tap : row.taps) {
                for (int64_t j = columns.begin; j < columns.end; ++j) {
                    const int64_t q = w + shape.padding.width - j * shape.stride.width;
                    const int64_t weight = (tap.p * shape.kernel.width + q) * pixel + c;
                    const auto gradient = hn::Load(d, tap.gradients + (row.conv.source.left + j) * pixel + c);
                    d_a = hn::MulAdd(hn::Load(d, row.conv.weight + weight), gradient, d_a);
                    T* d_weight = row.sums + weight;
                    hn::Store(hn::MulAdd(a, gradient, hn::Load(d, d_weight)), d, d_weight);
                }
            }
            row.finish(part, c, w * channels + c, x, a, d_a);
        });
    }
}

template <class T>
BackwardRow<T> backward_row_for(const DepthwiseBackward<T>& conv) {
    if (conv.general) return backward_row_general<T>;
    const int64_t stride = conv.args.shape.stride.width;
    if (conv.args.shape.kernel.width == 3)
        return stride == 1 ? backward_row<3, 1, 0, T> : backward_row<3, 2, 1, T>;
    return stride == 1 ? backward_row<5, 1, 0, T> : backward_row<5, 2, 0, T>;
}

/// Copies one row of gradients of y, through the epilogue, to its place between the borders, and adds it to
/// d_bias if that is not null.
template <class T>
HWY_ATTR void stage_gradient_row(const DepthwiseBackward<T>& conv, int64_t row, T* to, T* d_bias) {
    const hn::ScalableTag<T> d;
    const int64_t channels = conv.args.shape.out_channels, width = conv.args.shape.out().width;
    const T* d_y = static_cast<const T*>(conv.args.d_y) + row * width * channels;
    const T* y = static_cast<const T*>(conv.args.y) + (conv.level == nullptr ? 0 : row * width * channels);
    const T* mean = static_cast<const T*>(conv.args.mean);
    const T *level = conv.level, *slope = conv.slope;
    if (level == nullptr && d_bias == nullptr && channels == conv.source.channels) {
        std::copy(d_y, d_y + width * channels, to + conv.source.left * channels);
        return;
    }
    for (int64_t column = 0; column < width; ++column) {
        const int64_t from = column * channels;
        T* into = to + (conv.source.left + column) * conv.source.channels;
        for_each_vector<T>(channels, [=](auto part, int64_t c) HWY_ATTR {
            auto gradient = part.load(d_y + from + c);
            if (level != nullptr) {
                const auto centred = hn::Sub(part.load(y + from + c), part.load(mean + c));
                gradient = hn::MulAdd(part.load(slope + c), centred, hn::Add(gradient, part.load(level + c)));
            }
            hn::Store(gradient, d, into + c);
            if (d_bias != nullptr) part.store(hn::Add(gradient, part.load(d_bias + c)), d_bias + c);
        });
    }
}

/// Adds the sums of a few rows to those of the block and clears them, so that no long sum is taken in one go:
/// its rounding errors would grow with its length.
template <class T>
HWY_ATTR void flush_sums(T* sums, int64_t count, T* total) {
    for_each_vector<T>(count, [=](auto part, int64_t i) HWY_ATTR {
        part.store(hn::Add(part.load(total + i), part.load(sums + i)), total + i);
        part.store(constant<T>(0), sums + i);
    });
}

template <class T>
void depthwise_backward_block(const DepthwiseBackward<T>& conv, int64_t block, T* workspace) {
    const ConvShape& shape = conv.args.shape;
    const WindowAxis axis = height_axis(shape);
    const int64_t image = conv.blocks.image(block), end = conv.blocks.end(block);
    const int64_t sums_size = conv.sums() * conv.source.channels;
    T *ring = workspace, *sums = workspace + conv.source.size();
    T* d_bias = conv.args.d_bias ? sums + (conv.sums() - 1) * conv.source.channels : nullptr;
    const auto slot = [&](int64_t i) { return ring + i % conv.source.staged * conv.source.row_size(); };
    const int64_t x_row = shape.in.width * shape.in_channels, y_row = shape.out().width * shape.out_channels;
    const T* x = static_cast<const T*>(conv.args.x) + image * shape.in.height * x_row;
    const T* d_y = static_cast<const T*>(conv.args.d_y) + image * axis.out * y_row;
    const auto row_at = [&](int64_t i) -> const T* {
        return conv.source.direct() ? d_y + i * y_row : slot(i);
    };
    const BackwardRow<T> compute_row = backward_row_for(conv);
    const int64_t rows_of_sums = 1 + 512 / shape.in.width;
    std::fill(sums, sums + sums_size, T(0));
    clear_borders(conv.source, shape.out().width, ring);
    std::vector<TapRow<T>> taps;
    int64_t staged = 0;
    // Windows that lie in the padding alone touch no pixel, but count for d_bias.
    for (int64_t i = 0; d_bias != nullptr && conv.blocks.begin(block) == 0 && i < axis.out; ++i) {
        const Span inputs = axis.inputs_of(i);
        if (inputs.begin >= inputs.end) stage_gradient_row(conv, image * axis.out + i, slot(i), d_bias);
    }
    for (int64_t h = conv.blocks.begin(block); h < end; ++h) {
        const Span windows = axis.windows_over(h);
        for (staged = std::max(staged, windows.begin); !conv.source.direct() && staged < windows.end;
             ++staged) {
            // Neighbouring blocks share rows of gradients: that of the window's first pixel counts it for
            // d_bias.
            const bool mine = axis.inputs_of(staged).begin >= conv.blocks.begin(block);
            stage_gradient_row(conv, image * axis.out + staged, slot(staged), mine ? d_bias : nullptr);
        }
        taps.clear();
        for (int64_t i = windows.begin; i < windows.end; ++i) {
            taps.push_back({h + shape.padding.height - i * shape.stride.height, row_at(i)});
        }
        const int64_t next_windows = h + 1 < end ? axis.windows_over(h + 1).end : windows.end;
        const RowAhead<T> next_x{x + (h + 1) * x_row, x + std::min(end, h + 2) * x_row};
        const RowAhead<T> next_gradients{d_y + windows.end * y_row, d_y + next_windows * y_row};
        compute_row(InputRow<T>(conv, (image * shape.in.height + h) * shape.in.width, taps, sums, next_x,
                                next_gradients));
        if ((h + 1) % rows_of_sums == 0 || h + 1 == end)
            flush_sums(sums, sums_size, conv.partial + block * sums_size);
    }
    if (conv.streams) hwy::FlushStream();
}

}  // namespace
}  // namespace vitrine::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif

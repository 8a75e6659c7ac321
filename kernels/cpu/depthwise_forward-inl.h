// Depthwise convolution forward over one block of rows.

#if defined(VITRINE_KERNELS_CPU_DEPTHWISE_FORWARD_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef VITRINE_KERNELS_CPU_DEPTHWISE_FORWARD_INL_H
#undef VITRINE_KERNELS_CPU_DEPTHWISE_FORWARD_INL_H
#else
#define VITRINE_KERNELS_CPU_DEPTHWISE_FORWARD_INL_H
#endif

#include <algorithm>
#include <vector>

#include "kernels/cpu/channel_reduce-inl.h"
#include "kernels/cpu/depthwise_conv.h"
#include "kernels/cpu/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace vitrine::cpu::HWY_NAMESPACE {
namespace {

/// One output row: `rows` are the source's rows under the kernel's taps, from their column 0.
template <class T>
using ForwardRow = void (*)(const DepthwiseForward<T>& conv, const T* const* rows, RowAhead<T> ahead, T* y);

/// Where a tile's input columns begin, for each row under the kernel.
template <int kKernel, int kStride>
struct InputColumns {
    static constexpr int count = (depthwise_tile - 1) * kStride + kKernel;
};

/// All columns lie in the rows.
template <int kKernel, int kStride, class T>
struct InnerColumns : InputColumns<kKernel, kStride> {
    InnerColumns(const DepthwiseForward<T>& conv, const T* const* rows, int64_t column)
        : pixel(conv.source.channels) {
        for (int p = 0; p < kKernel; ++p) first[p] = rows[p] + column * pixel;
    }

    const T* at(int p, int k) const { return first[p] + k * pixel; }

    int64_t pixel;
    const T* first[kKernel];
};

/// Columns beside the image are read from a row of zeros.
template <int kKernel, int kStride, class T>
struct BorderColumns : InputColumns<kKernel, kStride> {
    using InputColumns<kKernel, kStride>::count;

    BorderColumns(const DepthwiseForward<T>& conv, const T* const* rows, int64_t column) {
        for (int p = 0; p < kKernel; ++p) {
            for (int k = 0; k < count; ++k) {
                const bool inside = column + k >= 0 && column + k < conv.source.width;
                columns[p][k] = inside ? rows[p] + (column + k) * conv.source.channels : conv.zero_row;
            }
        }
    }

    const T* at(int p, int k) const { return columns[p][k]; }

    const T* columns[kKernel][count];
};

/// A tile of outputs at the vector of channels c: each input column is loaded once and used for all taps that
/// meet it.
template <int kKernel, int kStride, class Columns, class T>
HWY_INLINE HWY_ATTR void forward_tile(const DepthwiseForward<T>& conv, const Columns& columns, int64_t c,
                                      Vector<T> (&sums)[depthwise_tile]) {
    const hn::ScalableTag<T> d;
    const int64_t pixel = conv.source.channels;
    const auto bias = hn::Load(d, conv.bias + c);
    unrolled<depthwise_tile>([&](auto t) HWY_ATTR { sums[t] = bias; });
    unrolled<kKernel>([&](auto p) HWY_ATTR {
        const T* weight = conv.weight + p * kKernel * pixel + c;
        Vector<T> weights[kKernel];
        unrolled<kKernel>([&](auto q)
                              HWY_ATTR { weights[q] = in_register(hn::Load(d, weight + q * pixel)); });
        unrolled<Columns::count>([&](auto k) HWY_ATTR {
            const auto value = in_register(hn::LoadU(d, columns.at(p, k) + c));
            unrolled<depthwise_tile>([&](auto t) HWY_ATTR {
                constexpr int q = k - t * kStride;
                if constexpr (q >= 0 && q < kKernel) sums[t] = hn::MulAdd(value, weights[q], sums[t]);
            });
        });
    });
}

/// One row's tile of outputs from y on, of which only `valid` lie in the row, and the part of x to fetch
/// meanwhile.
template <class T>
struct OutputTile {
    T* y;
    int64_t valid;
    RowAhead<T> ahead;
};

template <int kKernel, int kStride, class Columns, class Part, class T>
HWY_INLINE HWY_ATTR void forward_vector(const DepthwiseForward<T>& conv, const Columns& columns,
                                        const OutputTile<T>& tile, const Part& part, int64_t c) {
    constexpr int64_t inputs = depthwise_tile * kStride * kStride;  // pixels of x for a tile of y
    const int64_t channels = conv.args.shape.out_channels;
    const bool streams = conv.streams && !conv.streams_later();
    Vector<T> sums[depthwise_tile];
    tile.ahead.prefetch(c * inputs, inputs);
    forward_tile<kKernel, kStride>(conv, columns, c, sums);
    unrolled<depthwise_tile>([&](auto t) HWY_ATTR {
        if (t >= tile.valid) return;
        if (streams) {
            part.stream(sums[t], tile.y + t * channels + c);
        } else {
            part.store(sums[t], tile.y + t * channels + c);
        }
    });
}

/// The code for tiles at the border also takes the channels of other tiles that fill no vector.
template <int kKernel, int kStride, class T>
HWY_ATTR void forward_row(const DepthwiseForward<T>& conv, const T* const* rows, RowAhead<T> ahead, T* y) {
    using Inner = InnerColumns<kKernel, kStride, T>;
    using Border = BorderColumns<kKernel, kStride, T>;
    const ConvShape& shape = conv.args.shape;
    const int64_t width = shape.out().width, channels = shape.out_channels;
    for (int64_t j = 0; j < width; j += depthwise_tile) {
        const int64_t column = j * kStride + conv.source.left - shape.padding.width;
        const OutputTile<T> tile{
            y + j * channels, width - j, {ahead.begin + j * kStride * kStride * channels, ahead.end}};
        int64_t done = 0;
        if (column >= 0 && column + Inner::count <= conv.source.width) {
            const Inner columns(conv, rows, column);
            for (const int64_t lanes = lanes_of<T>(); done + lanes <= channels; done += lanes) {
                forward_vector<kKernel, kStride>(conv, columns, tile, FullVector<T>{}, done);
            }
            if (done == channels) continue;
        }
        const Border columns(conv, rows, column);
        for_each_masked_vector<T>(done, channels, [&](auto part, int64_t c) HWY_ATTR {
            forward_vector<kKernel, kStride>(conv, columns, tile, part, c);
        });
    }
}

/// Any kernel and stride.
template <class T>
HWY_ATTR void forward_row_general(const DepthwiseForward<T>& conv, const T* const* rows, RowAhead<T>, T* y) {
    const hn::ScalableTag<T> d;
    const ConvShape& shape = conv.args.shape;
    const int64_t pixel = conv.source.channels, channels = shape.out_channels, width = shape.out().width;
    for (int64_t j = 0; j < width; ++j) {
        for_each_vector<T>(channels, [&](auto part, int64_t c) HWY_ATTR {
            auto sum = hn::Load(d, conv.bias + c);
            for (int64_t p = 0; p < shape.kernel.height; ++p) {
                const T* in = rows[p] + j * shape.stride.width * pixel + c;
                const T* weight = conv.weight + p * shape.kernel.width * pixel + c;
                for (int64_t q = 0; q < shape.kernel.width; ++q) {
                    sum = hn::MulAdd(hn::Load(d, in + q * pixel), hn::Load(d, weight + q * pixel), sum);
                }
            }
            part.store(sum, y + j * channels + c);
        });
    }
}

/// The specialised loops: a square kernel of 3 or 5, stride 1 or 2.
template <class T>
ForwardRow<T> forward_row_for(const DepthwiseForward<T>& conv) {
    if (conv.general) return forward_row_general<T>;
    const int64_t stride = conv.args.shape.stride.width;
    if (conv.args.shape.kernel.width == 3) return stride == 1 ? forward_row<3, 1, T> : forward_row<3, 2, T>;
    return stride == 1 ? forward_row<5, 1, T> : forward_row<5, 2, T>;
}

/// Copies one row of x, through the prologue, to its place between the borders.
template <class T>
HWY_ATTR void stage_input_row(const DepthwiseForward<T>& conv, const T* x, T* to) {
    const hn::ScalableTag<T> d;
    const Prologue& prologue = conv.args.prologue;
    const T* scale = static_cast<const T*>(prologue.scale);
    const T* shift = static_cast<const T*>(prologue.shift);
    const PixelRows& source = conv.source;
    const int64_t channels = conv.args.shape.in_channels;
    const int64_t columns = std::min(conv.args.shape.in.width, source.width - source.left);
    if (prologue.plain() && channels == source.channels) {
        std::copy(x, x + columns * channels, to + source.left * channels);
        return;
    }
    for (int64_t column = 0; column < columns; ++column) {
        const T* from = x + column * channels;
        T* into = to + (source.left + column) * source.channels;
        for_each_vector<T>(channels, [=](auto part, int64_t c) HWY_ATTR {
            auto value = part.load(from + c);
            if (scale != nullptr) value = hn::MulAdd(value, part.load(scale + c), part.load(shift + c));
            hn::Store(clamped_vector(prologue.activation, value), d, into + c);
        });
    }
}

/// Rows that lie in the cache, to memory around it.
template <class T>
HWY_ATTR void stream_rows(const T* from, int64_t count, T* to) {
    for_each_vector<T>(count,
                       [=](auto part, int64_t i) HWY_ATTR { part.stream(part.load(from + i), to + i); });
}

template <class T>
void depthwise_forward_block(const DepthwiseForward<T>& conv, int64_t block, T* workspace) {
    const ConvShape& shape = conv.args.shape;
    const int64_t x_row = shape.in.width * shape.in_channels, y_row = shape.out().width * shape.out_channels;
    const int64_t image = conv.blocks.image(block), end = conv.blocks.end(block);
    const T* x = static_cast<const T*>(conv.args.x) + image * shape.in.height * x_row;
    T* y = static_cast<T*>(conv.args.y) + image * shape.out().height * y_row;
    T *ring = workspace, *statistics_work = workspace + conv.source.size();
    T* unwritten = statistics_work + 3 * conv.source.channels;
    const auto row_at = [&](int64_t h) -> const T* {
        return conv.source.direct() ? x + h * x_row : ring + h % conv.source.staged * conv.source.row_size();
    };
    const ForwardRow<T> compute_row = forward_row_for(conv);
    const int64_t statistics_rows = conv.statistics_rows();
    std::vector<const T*> rows(static_cast<size_t>(shape.kernel.height));
    clear_borders(conv.source, shape.in.width, ring);
    int64_t staged = 0, counted = conv.blocks.begin(block);
    for (int64_t i = counted; i < end; ++i) {
        const int64_t first = i * shape.stride.height - shape.padding.height;
        for (staged = std::max(staged, first);
             !conv.source.direct() && staged < std::min(shape.in.height, first + shape.kernel.height);
             ++staged) {
            stage_input_row(conv, x + staged * x_row,
                            ring + staged % conv.source.staged * conv.source.row_size());
        }
        for (int64_t p = 0; p < shape.kernel.height; ++p) {
            const bool inside = first + p >= 0 && first + p < shape.in.height;
            rows[static_cast<size_t>(p)] = inside ? row_at(first + p) : conv.zero_row;
        }
        const int64_t next = std::min(shape.in.height, first + shape.kernel.height);
        const int64_t after = std::min(shape.in.height, next + shape.stride.height);
        const RowAhead<T> ahead =
            conv.source.direct() ? RowAhead<T>{x + next * x_row, x + after * x_row} : RowAhead<T>{x, x};
        T* counted_rows = conv.streams_later() ? unwritten : y + counted * y_row;
        compute_row(conv, rows.data(), ahead, counted_rows + (i - counted) * y_row);
        if (conv.statistics != nullptr && (i + 1 == end || i + 1 - counted == statistics_rows)) {
            add_statistics(counted_rows, (i + 1 - counted) * shape.out().width, shape.out_channels,
                           statistics_work, conv.statistics + block * shape.out_channels);
            if (conv.streams_later()) stream_rows(unwritten, (i + 1 - counted) * y_row, y + counted * y_row);
            counted = i + 1;
        }
    }
    if (conv.streams) hwy::FlushStream();
}

}  // namespace
}  // namespace vitrine::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif

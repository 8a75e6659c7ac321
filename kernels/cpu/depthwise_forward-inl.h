// Depthwise convolution forward over one block of rows.

#if defined(VITRINE_KERNELS_CPU_DEPTHWISE_FORWARD_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef VITRINE_KERNELS_CPU_DEPTHWISE_FORWARD_INL_H
#undef VITRINE_KERNELS_CPU_DEPTHWISE_FORWARD_INL_H
#else
#define VITRINE_KERNELS_CPU_DEPTHWISE_FORWARD_INL_H
#endif

#include <algorithm>
#include <vector>

#include "kernels/cpu/columns-inl.h"
#include "kernels/cpu/depthwise_conv.h"
#include "kernels/cpu/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace vitrine::cpu::HWY_NAMESPACE {
namespace {

/// One output row: `rows` are the staged rows under the kernel's taps, from their column 0.
template <class T>
using ForwardRow = void (*)(const DepthwiseForward<T>& conv, const T* const* rows, T* y);

/// A tile of outputs at one vector of channels: each input column is loaded once and used for all taps that
/// meet it.
template <int kKernel, int kStride, class T>
HWY_INLINE HWY_ATTR void forward_tile(const DepthwiseForward<T>& conv, const T* const* rows, int64_t column,
                                      int64_t c, Vector<T> (&sums)[depthwise_tile]) {
    constexpr int kTile = depthwise_tile;
    const hn::ScalableTag<T> d;
    const int64_t pixel = conv.staged.channels;
    const auto bias = hn::Load(d, conv.bias + c);
    unrolled<kTile>([&](auto t) HWY_ATTR { sums[t] = bias; });
    unrolled<kKernel>([&](auto p) HWY_ATTR {
        const T* in = rows[p] + column * pixel + c;
        const T* weight = conv.weight + p * kKernel * pixel + c;
        Vector<T> weights[kKernel];
        unrolled<kKernel>([&](auto q) HWY_ATTR { weights[q] = hn::Load(d, weight + q * pixel); });
        unrolled<(kTile - 1) * kStride + kKernel>([&](auto k) HWY_ATTR {
            const auto value = hn::Load(d, in + k * pixel);
            unrolled<kTile>([&](auto t) HWY_ATTR {
                constexpr int q = k - t * kStride;
                if constexpr (q >= 0 && q < kKernel) sums[t] = hn::MulAdd(value, weights[q], sums[t]);
            });
        });
    });
}

template <int kKernel, int kStride, class T>
HWY_ATTR void forward_row(const DepthwiseForward<T>& conv, const T* const* rows, T* y) {
    const int64_t width = conv.args.shape.out().width, channels = conv.args.shape.out_channels;
    for (int64_t j = 0; j < width; j += depthwise_tile) {
        const int64_t valid = std::min(depthwise_tile, width - j);
        T* y_tile = y + j * channels;
        for_each_vector<T>(channels, [&](auto part, int64_t c) HWY_ATTR {
            Vector<T> sums[depthwise_tile];
            forward_tile<kKernel, kStride>(conv, rows, j * kStride, c, sums);
            unrolled<depthwise_tile>([&](auto t) HWY_ATTR {
                if (t < valid) part.store(sums[t], y_tile + t * channels + c);
            });
        });
    }
}

/// Any kernel and stride.
template <class T>
HWY_ATTR void forward_row_general(const DepthwiseForward<T>& conv, const T* const* rows, T* y) {
    const hn::ScalableTag<T> d;
    const ConvShape& shape = conv.args.shape;
    const int64_t pixel = conv.staged.channels, channels = shape.out_channels, width = shape.out().width;
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
    const StagedRows& staged = conv.staged;
    const int64_t channels = conv.args.shape.in_channels;
    const int64_t columns = std::min(conv.args.shape.in.width, staged.width - staged.left);
    for (int64_t column = 0; column < columns; ++column) {
        const T* from = x + column * channels;
        T* into = to + (staged.left + column) * staged.channels;
        for_each_vector<T>(channels, [=](auto part, int64_t c) HWY_ATTR {
            auto value = part.load(from + c);
            if (scale != nullptr) value = hn::MulAdd(value, part.load(scale + c), part.load(shift + c));
            hn::Store(activate_vector(prologue.activation, value), d, into + c);
        });
    }
}

template <class T>
void depthwise_forward_block(const DepthwiseForward<T>& conv, int64_t block, T* workspace) {
    const ConvShape& shape = conv.args.shape;
    const int64_t x_row = shape.in.width * shape.in_channels, y_row = shape.out().width * shape.out_channels;
    const int64_t image = conv.blocks.image(block), end = conv.blocks.end(block);
    const T* x = static_cast<const T*>(conv.args.x) + image * shape.in.height * x_row;
    T* y = static_cast<T*>(conv.args.y) + image * shape.out().height * y_row;
    T *ring = workspace, *statistics_work = workspace + conv.staged.size();
    const auto slot = [&](int64_t h) { return ring + h % conv.staged.count * conv.staged.row_size(); };
    const ForwardRow<T> compute_row = forward_row_for(conv);
    const int64_t statistics_rows = std::max<int64_t>(1, (int64_t{128} << 10) / (y_row * int64_t{sizeof(T)}));
    std::vector<const T*> rows(static_cast<size_t>(shape.kernel.height));
    clear_borders(conv.staged, shape.in.width, ring);
    int64_t staged = 0, counted = conv.blocks.begin(block);
    for (int64_t i = counted; i < end; ++i) {
        const int64_t first = i * shape.stride.height - shape.padding.height;
        for (staged = std::max(staged, first);
             staged < std::min(shape.in.height, first + shape.kernel.height); ++staged) {
            stage_input_row(conv, x + staged * x_row, slot(staged));
        }
        for (int64_t p = 0; p < shape.kernel.height; ++p) {
            const bool inside = first + p >= 0 && first + p < shape.in.height;
            rows[static_cast<size_t>(p)] = inside ? slot(first + p) : conv.zero_row;
        }
        compute_row(conv, rows.data(), y + i * y_row);
        if (conv.statistics != nullptr && (i + 1 == end || i + 1 - counted == statistics_rows)) {
            add_statistics(y + counted * y_row, (i + 1 - counted) * shape.out().width, shape.out_channels,
                           statistics_work, conv.statistics + block * shape.out_channels);
            counted = i + 1;
        }
    }
}

}  // namespace
}  // namespace vitrine::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif

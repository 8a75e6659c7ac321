// A depthwise convolution's passes made ready, and what their blocks leave put together: for tensors (depthwise_conv.cpp) and
// for rows that are made as they are needed (expanded_conv.cpp).
#pragma once

#include <algorithm>

#include "kernels/context.h"
#include "kernels/cpu/depthwise_conv.h"

namespace vitrine::cpu {

/// What the loops that are compiled for a kernel and a stride do not take; null: they do.
inline const char* refuses_depthwise_loops(const ConvShape& shape) {
    if (shape.kernel != Size2{3, 3}) return "kernel other than 3x3";
    if (shape.stride.height != shape.stride.width || shape.stride.width > 2)
        return "stride other than 1 and 2";
    return nullptr;
}
inline const char* refuses_depthwise_backward_loops(const ConvShape& shape) {
    if (const char* reason = refuses_depthwise_loops(shape)) return reason;
    // Compiled for one phase of the tiles alone: that of the usual padding, half the kernel, and its like.
    const bool usual = (shape.padding.width - shape.kernel.width / 2) % shape.stride.width == 0;
    return usual ? nullptr : "stride 2 with a padding that is not half the kernel or an even number off it";
}

/// Copies `rows` rows of `channels`, widens them and rounds them up to `padded` with zeros; a null source is all zeros.
template <class T>
const Accumulate<T>* pad_rows(const void* from, int64_t rows, int64_t channels, int64_t padded,
                              Context& context) {
    using A = Accumulate<T>;
    A* to = context.scratch.take<A>(rows * padded);
    std::fill(to, to + rows * padded, A(0));
    const T* source = static_cast<const T*>(from);
    for (int64_t row = 0; source != nullptr && row < rows; ++row) {
        std::transform(source + row * channels, source + (row + 1) * channels, to + row * padded,
                       [](T value) { return static_cast<A>(value); });
    }
    return to;
}

/// Whether a result is so large that the next op will not find it in the cache. Its vectors must be aligned, and whole lines: a
/// row's vectors are walked one after the other, and half a line costs a line each time it goes past the caches.
template <class T>
bool streams(const void* to, int64_t pixels, int64_t channels) {
    return !is_half_type<T> && pixels * channels * int64_t{sizeof(T)} >= (int64_t{32} << 20) &&
           channels % depthwise_lanes == 0 && reinterpret_cast<uintptr_t>(to) % 64 == 0;
}

/// May be direct: rows of x may be read where they lie.
template <class T>
DepthwiseForward<T> depthwise_task(const ConvForward& args, Context& context, bool general,
                                   bool may_be_direct) {
    const ConvShape& shape = args.shape;
    const int64_t channels = shape.out_channels;
    const auto blocks = RowBlocks::of(shape.batch, shape.out());
    const bool direct = !is_half_type<T> && may_be_direct && PixelRows::can_be_direct(channels);
    const auto source = direct ? PixelRows::direct_from(shape.in, channels) : PixelRows::of_input(shape);
    Statistics* statistics = nullptr;
    if (!args.epilogue.plain()) {
        statistics = context.scratch.take<Statistics>(blocks.count() * channels);
        std::fill(statistics, statistics + blocks.count() * channels, Statistics{});
    }
    return {.args = args,
            .general = general,
            .blocks = blocks,
            .source = source,
            .weight = pad_rows<T>(args.weight, shape.kernel.height * shape.kernel.width, channels,
                                  source.channels, context),
            .bias = pad_rows<Accumulate<T>>(args.bias, 1, channels, source.channels, context),
            .zero_row = pad_rows<T>(nullptr, 1, 0, source.row_size(), context),
            .statistics = statistics,
            .streams = streams<T>(args.y, shape.out_pixels(), channels)};
}

/// The epilogue, out of all blocks' statistics.
template <class T>
void put_moments(const DepthwiseForward<T>& conv) {
    using A = Accumulate<T>;
    if (conv.statistics == nullptr) return;
    const Epilogue& epilogue = conv.args.epilogue;
    const ConvShape& shape = conv.args.shape;
    const auto pixels_of = [&](int64_t block) { return conv.blocks.rows_of(block) * shape.out().width; };
    merge_statistics(conv.statistics, conv.blocks.count(), pixels_of, shape.out_channels,
                     [&](int64_t c, const Statistics& all) {
                         static_cast<A*>(epilogue.mean)[c] = static_cast<A>(all.mean);
                         static_cast<A*>(epilogue.m2)[c] = static_cast<A>(all.m2);
                     });
}

template <class T>
DepthwiseBackward<T> depthwise_task(const ConvBackward& args, Context& context, bool general) {
    using A = Accumulate<T>;
    const ConvShape& shape = args.shape;
    const int64_t channels = shape.in_channels;
    A *level = nullptr, *slope = nullptr;
    if (args.d_mean != nullptr || args.d_m2 != nullptr) {
        level = context.scratch.take<A>(channels);
        slope = context.scratch.take<A>(channels);
        epilogue_coefficients(args, level, slope);
    }
    const bool direct = !is_half_type<T> && !general && level == nullptr && !args.d_bias &&
                        PixelRows::can_be_direct(channels);
    DepthwiseBackward<T> conv{
        .args = args,
        .general = general,
        .blocks = RowBlocks::of(shape.batch, shape.in),
        .source = direct ? PixelRows::direct_from(shape.out(), channels) : PixelRows::of_gradient(shape),
        .weight = nullptr,
        .zero_row = nullptr,
        .level = level,
        .slope = slope,
        .partial = nullptr,
        .streams =
            args.d_x.mode == GradMode::write && streams<T>(args.d_x.data, shape.in_pixels(), channels)};
    conv.weight = pad_rows<T>(args.weight, conv.taps(), channels, conv.source.channels, context);
    conv.zero_row = pad_rows<T>(nullptr, 1, 0, conv.source.row_size(), context);
    conv.partial = context.scratch.take<A>(conv.blocks.count() * conv.sums_size());
    return conv;
}

template <class T>
void clear_sums(const DepthwiseBackward<T>& conv, int64_t block) {
    Accumulate<T>* sums = conv.partial + block * conv.sums_size();
    std::fill(sums, sums + conv.sums_size(), Accumulate<T>(0));
}

/// The gradients that are sums over pixels, out of those of all blocks.
template <class T>
void put_sums(const DepthwiseBackward<T>& conv) {
    using A = Accumulate<T>;
    const ConvBackward& args = conv.args;
    const int64_t channels = args.shape.in_channels;
    const auto combine = [&](int64_t row, const Gradient& out) {
        if (out)
            combine_sums(conv.partial + row * conv.source.channels, conv.blocks.count(), conv.sums_size(),
                         channels, out);
    };
    parallel_for(conv.sums(), [&](int64_t row) {
        if (row < conv.taps()) {
            if (!args.d_weight) return;
            combine(row, {static_cast<A*>(args.d_weight.data) + row * channels, args.d_weight.mode});
        } else {
            const Gradient outs[]{args.d_scale, args.d_shift, args.d_bias};
            combine(row, outs[row - conv.taps()]);
        }
    });
}

}  // namespace vitrine::cpu

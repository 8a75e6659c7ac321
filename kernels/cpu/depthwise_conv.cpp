// Depthwise convolution: vectorised along the channels, several columns at a time; see depthwise_conv.h for
// how.

#include "kernels/cpu/depthwise_conv.h"

#include "kernels/cpu/conv_parts.h"
#include "kernels/cpu/onednn/onednn.h"
#include "kernels/cpu/parallel.h"
#include "kernels/cpu/per_thread.h"
#include "kernels/kernels.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/depthwise_conv.cpp"
#include "hwy/foreach_target.h"
#include "kernels/cpu/depthwise_backward_block-inl.h"
#include "kernels/cpu/depthwise_forward-inl.h"

HWY_BEFORE_NAMESPACE();
namespace vitrine::cpu::HWY_NAMESPACE {
namespace {

template <class Block, class Convolution, class A>
void run_block(const Convolution& conv, int64_t block, A* workspace) {
    Block rows(conv, block, workspace);
    conv.blocks.for_each_image(
        block, [&](int64_t image, int64_t begin, int64_t end) { rows.run_image(image, begin, end); });
    rows.finish();
}

template <class T>
constexpr DepthwisePasses<T> passes_for{run_block<ForwardBlock<T>, DepthwiseForward<T>, Accumulate<T>>,
                                        run_block<BackwardBlock<T>, DepthwiseBackward<T>, Accumulate<T>>};

const DepthwisePasses<float>& passes_f32() { return passes_for<float>; }
const DepthwisePasses<double>& passes_f64() { return passes_for<double>; }
const DepthwisePasses<bf16>& passes_bf16() { return passes_for<bf16>; }
const DepthwisePasses<f16>& passes_f16() { return passes_for<f16>; }

}  // namespace
}  // namespace vitrine::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace vitrine::cpu {
namespace {

HWY_EXPORT(passes_f32);
HWY_EXPORT(passes_f64);
HWY_EXPORT(passes_bf16);
HWY_EXPORT(passes_f16);

template <class T>
const DepthwisePasses<T>& passes() {
    if constexpr (dtype_of<T> == DType::f32) {
        return HWY_DYNAMIC_DISPATCH(passes_f32)();
    } else if constexpr (dtype_of<T> == DType::bf16) {
        return HWY_DYNAMIC_DISPATCH(passes_bf16)();
    } else if constexpr (dtype_of<T> == DType::f16) {
        return HWY_DYNAMIC_DISPATCH(passes_f16)();
    } else {
        return HWY_DYNAMIC_DISPATCH(passes_f64)();
    }
}

const char* refuses_direct(const ConvShape& shape) {
    if (shape.kernel != Size2{3, 3}) return "kernel other than 3x3";
    if (shape.stride.height != shape.stride.width || shape.stride.width > 2)
        return "stride other than 1 and 2";
    return nullptr;
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

template <class T>
void forward(const ConvForward& args, Context& context, bool general) {
    using A = Accumulate<T>;
    const ConvShape& shape = args.shape;
    const int64_t channels = shape.out_channels;
    const auto blocks = RowBlocks::of(shape.batch, shape.out());
    const bool direct =
        !is_half_type<T> && !general && args.prologue.plain() && PixelRows::can_be_direct(channels);
    const auto source = direct ? PixelRows::direct_from(shape.in, channels) : PixelRows::of_input(shape);
    StatisticsSum* statistics = nullptr;
    if (!args.epilogue.plain()) {
        statistics = context.scratch.take<StatisticsSum>(blocks.count() * channels);
        std::fill(statistics, statistics + blocks.count() * channels, StatisticsSum{});
    }
    const DepthwiseForward<T> conv{
        .args = args,
        .general = general,
        .blocks = blocks,
        .source = source,
        .weight = pad_rows<T>(args.weight, shape.kernel.height * shape.kernel.width, channels,
                              source.channels, context),
        .bias = pad_rows<Accumulate<T>>(args.bias, 1, channels, source.channels, context),
        .zero_row = pad_rows<T>(nullptr, 1, 0, source.row_size(), context),
        .statistics = statistics,
        .streams = streams<T>(args.y, shape.out_pixels(), channels)};
    const PerThread<Accumulate<T>> workspace(context, conv.workspace_size());
    parallel_for(blocks.count(), [&](int64_t block) { passes<T>().forward(conv, block, workspace.mine()); });
    if (statistics == nullptr) return;
    merge_statistics(statistics, blocks.count(), channels, [&](int64_t c, const StatisticsSum& sum) {
        static_cast<A*>(args.epilogue.mean)[c] = static_cast<A>(sum.mean());
        static_cast<A*>(args.epilogue.m2)[c] = static_cast<A>(sum.m2());
    });
}

template <class T>
void backward(const ConvBackward& args, Context& context, bool general) {
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
    const auto source =
        direct ? PixelRows::direct_from(shape.out(), channels) : PixelRows::of_gradient(shape);
    DepthwiseBackward<T> conv{.args = args,
                              .general = general,
                              .blocks = RowBlocks::of(shape.batch, shape.in),
                              .source = source,
                              .weight = nullptr,
                              .zero_row = nullptr,
                              .level = level,
                              .slope = slope,
                              .partial = nullptr,
                              .streams = args.d_x.mode == GradMode::write &&
                                         streams<T>(args.d_x.data, shape.in_pixels(), channels)};
    const int64_t blocks = conv.blocks.count(), sums_size = conv.sums() * source.channels;
    conv.weight = pad_rows<T>(args.weight, conv.taps(), channels, source.channels, context);
    conv.zero_row = pad_rows<T>(nullptr, 1, 0, source.row_size(), context);
    conv.partial = context.scratch.take<A>(blocks * sums_size);
    const PerThread<Accumulate<T>> workspace(context, conv.workspace_size());
    parallel_for(blocks, [&](int64_t block) {
        std::fill(conv.partial + block * sums_size, conv.partial + (block + 1) * sums_size, A(0));
        passes<T>().backward(conv, block, workspace.mine());
    });

    const auto combine = [&](int64_t row, const Gradient& out) {
        if (out) combine_sums(conv.partial + row * source.channels, blocks, sums_size, channels, out);
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

const char* refuses_direct_forward(const ConvForward& args) { return refuses_direct(args.shape); }
const char* refuses_direct_backward(const ConvBackward& args) {
    const ConvShape& shape = args.shape;
    if (const char* reason = refuses_direct(shape)) return reason;
    // Compiled for one phase of the tiles alone: that of the usual padding, half the kernel, and its like.
    const bool usual = (shape.padding.width - shape.kernel.width / 2) % shape.stride.width == 0;
    return usual ? nullptr : "stride 2 with a padding that is not half the kernel or an even number off it";
}

template <bool general>
constexpr auto run_forward = all_types([]<class T>(const ConvForward& args, Context& context) {
    forward<T>(args, context, general);
});

template <bool general>
constexpr auto run_backward = all_types([]<class T>(const ConvBackward& args, Context& context) {
    backward<T>(args, context, general);
});

constexpr Implementation<ConvForward> forward_list[]{
    {"direct", refuses_curve<ConvForward, refuses_direct_forward>, run_forward<false>},
    {"general", refuses_curve<ConvForward>, run_forward<true>},
    {"unfused", refuses_clamp<ConvForward>, run_unfused<depthwise_conv_forward>, StorageTypes::all},
    {"onednn", onednn::refuses_depthwise_conv_forward, onednn::run_depthwise_conv_forward}};
constexpr Implementation<ConvBackward> backward_list[]{
    {"direct", refuses_curve<ConvBackward, refuses_direct_backward>, run_backward<false>},
    {"general", refuses_curve<ConvBackward>, run_backward<true>},
    {"unfused", refuses_clamp<ConvBackward>, run_unfused<depthwise_conv_backward>, StorageTypes::all},
    {"onednn", onednn::refuses_depthwise_conv_backward, onednn::run_depthwise_conv_backward}};

}  // namespace

const Kernel<ConvForward> depthwise_conv_forward{"depthwise_conv_forward", forward_list};
const Kernel<ConvBackward> depthwise_conv_backward{"depthwise_conv_backward", backward_list};

}  // namespace vitrine::cpu
#endif

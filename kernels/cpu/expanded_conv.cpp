// The expanded convolution: row by row out of the narrow tensor (expanded_conv.h), or as the two convolutions that it is.

#include "kernels/cpu/expanded_conv.h"

#include "kernels/cpu/per_thread.h"
#include "kernels/expanded_separately.h"
#include "kernels/kernels.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/expanded_conv.cpp"
#include "hwy/foreach_target.h"
#include "kernels/cpu/expanded_rows-inl.h"

HWY_BEFORE_NAMESPACE();
namespace vitrine::cpu::HWY_NAMESPACE {
namespace {

template <class T>
void forward_block(const ExpandedForward<T>& task, int64_t block, T* workspace) {
    T* own = workspace + task.conv.workspace_size();
    task.conv.blocks.run(block, ForwardBlock<T, ExpandedRows<T>>(task.conv, block, workspace, {task, own}));
}

template <class T>
void backward_block(const ExpandedBackward<T>& task, int64_t block, T* workspace) {
    T* own = workspace + task.conv.workspace_size();
    task.conv.blocks.run(
        block, BackwardBlock<T, RecomputedRows<T>>(task.conv, block, workspace, {task, block, own}));
}

template <class T>
constexpr ExpandedPasses<T> passes_for{forward_block<T>, backward_block<T>};

const ExpandedPasses<float>& passes_f32() { return passes_for<float>; }
const ExpandedPasses<double>& passes_f64() { return passes_for<double>; }

}  // namespace
}  // namespace vitrine::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace vitrine::cpu {
namespace {

HWY_EXPORT(passes_f32);
HWY_EXPORT(passes_f64);

template <class T>
const ExpandedPasses<T>& passes() {
    if constexpr (dtype_of<T> == DType::f32) {
        return HWY_DYNAMIC_DISPATCH(passes_f32)();
    } else {
        return HWY_DYNAMIC_DISPATCH(passes_f64)();
    }
}

template <class T, class Args>
Expansion<T> expansion_of(const Args& args, Context& context) {
    const ConvShape& shape = args.shape;
    Expansion<T> expansion{
        .x = static_cast<const T*>(args.x),
        .narrow = args.narrow,
        .width = shape.in.width,
        .channels = shape.in_channels,
        .prologue = args.narrow_prologue,
        .weight = pack_transposed(static_cast<const T*>(args.expansion), args.narrow, shape.in_channels,
                                  static_cast<const T*>(nullptr), context),
        .windows = {}};
    if (args.windows.there()) expansion.windows = RowSource<T>::of_windows(expansion_shape(args), args.x);
    return expansion;
}

constexpr auto run_forward = computed_types([]<class T>(const ExpandedConvForward& args, Context& context) {
    const ConvForward wide = convolving(args, nullptr);
    const DepthwiseForward<T> conv = depthwise_task<T>(wide, context, false, false);
    const ExpandedForward<T> task{conv, expansion_of<T>(args, context)};
    const PerThread<T> workspace(context, task.workspace_size());
    parallel_for(conv.blocks.count(),
                 [&](int64_t block) { passes<T>().forward(task, block, workspace.mine()); });
    put_moments(conv);
});

constexpr auto run_backward = computed_types([]<class T>(const ExpandedConvBackward& args, Context& context) {
    const int64_t narrow = args.narrow, channels = args.shape.in_channels;
    // d_e are rows that come and go: there is no tensor of them, only the wish for one.
    const ConvBackward wide =
        depthwise_gradients(args, nullptr, wants_d_e(args) ? context.scratch.take<T>(1) : nullptr);
    DepthwiseBackward<T> conv = depthwise_task<T>(wide, context, false);
    conv.streams = false;  // d_e is read again at once
    const int64_t blocks = conv.blocks.count();
    const PanelLayout layout = panel_layout(args.dtype, narrow);
    const ExpandedBackward<T> task{
        .conv = conv,
        .expansion = expansion_of<T>(args, context),
        .args = args,
        .narrow = layout,
        .weight = pack_rows(static_cast<const T*>(args.expansion), channels, narrow, context,
                            [narrow](int64_t k) { return k * narrow; }),
        .sums = ExpandedSums<T>::of(args, blocks, narrow, channels, context)};
    const PerThread<T> workspace(context, task.workspace_size());
    parallel_for(blocks, [&](int64_t block) {
        clear_sums(conv, block);
        task.sums.clear(block, narrow);
        passes<T>().backward(task, block, workspace.mine());
    });
    put_sums(conv);
    task.sums.put(args);
});

using Pointwise = Convolution<pointwise_conv_forward, pointwise_conv_backward>;
using Dense = Convolution<dense_conv_forward, dense_conv_backward>;
using Depthwise = Convolution<depthwise_conv_forward, depthwise_conv_backward>;

constexpr Implementation<ExpandedConvForward> forward_list[]{
    {"rows_amx", refuses_rows_amx, run_rows_amx, StorageTypes::all},
    {"rows", refuses_rows<ExpandedConvForward>, run_forward},
    {"separate", refuses_nothing, expanded_separately<Pointwise, Dense, Depthwise>}};
constexpr Implementation<ExpandedConvBackward> backward_list[]{
    {"rows_amx", refuses_rows_amx, run_rows_amx, StorageTypes::all},
    {"rows", refuses_rows<ExpandedConvBackward>, run_backward},
    {"separate", refuses_nothing, expanded_gradients_separately<Pointwise, Dense, Depthwise>}};

}  // namespace

const Kernel<ExpandedConvForward> expanded_conv_forward{"expanded_conv_forward", forward_list};
const Kernel<ExpandedConvBackward> expanded_conv_backward{"expanded_conv_backward", backward_list};

}  // namespace vitrine::cpu
#endif

// Depthwise convolution: vectorised along the channels, several columns at a time; see depthwise_conv.h for
// how.

#include "kernels/cpu/depthwise_conv.h"

#include "kernels/cpu/conv_parts.h"
#include "kernels/cpu/depthwise_task.h"
#include "kernels/cpu/native_bf16.h"
#include "kernels/cpu/onednn/onednn.h"
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
    conv.blocks.run(block, Block(conv, block, workspace));
}

template <class T>
constexpr DepthwisePasses<T> passes_for{run_block<ForwardBlock<T>, DepthwiseForward<T>, Accumulate<T>>,
                                        run_block<BackwardBlock<T>, DepthwiseBackward<T>, Accumulate<T>>};

const DepthwisePasses<float>& passes_f32() { return passes_for<float>; }
const DepthwisePasses<double>& passes_f64() { return passes_for<double>; }
const DepthwisePasses<bf16>& passes_bf16() { return passes_for<bf16>; }
const DepthwisePasses<NativeBf16>& passes_native_bf16() {
#if HWY_ARCH_X86 && HWY_TARGET <= HWY_AVX3
    return passes_for<NativeBf16>;
#else
    static constexpr DepthwisePasses<NativeBf16> never_called{};
    return never_called;
#endif
}
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
HWY_EXPORT(passes_native_bf16);
HWY_EXPORT(passes_f16);

template <class T>
const DepthwisePasses<T>& passes() {
    if constexpr (dtype_of<T> == DType::f32) {
        return HWY_DYNAMIC_DISPATCH(passes_f32)();
    } else if constexpr (std::is_same_v<T, bf16>) {
        return HWY_DYNAMIC_DISPATCH(passes_bf16)();
    } else if constexpr (std::is_same_v<T, NativeBf16>) {
        return HWY_DYNAMIC_DISPATCH(passes_native_bf16)();
    } else if constexpr (dtype_of<T> == DType::f16) {
        return HWY_DYNAMIC_DISPATCH(passes_f16)();
    } else {
        return HWY_DYNAMIC_DISPATCH(passes_f64)();
    }
}

template <class T>
void forward(const ConvForward& args, Context& context, bool general) {
    const bool direct = !general && args.prologue.plain();
    const DepthwiseForward<T> conv = depthwise_task<T>(args, context, general, direct);
    const PerThread<Accumulate<T>> workspace(context, conv.workspace_size());
    parallel_for(conv.blocks.count(),
                 [&](int64_t block) { passes<T>().forward(conv, block, workspace.mine()); });
    put_moments(conv);
}

template <class T>
void backward(const ConvBackward& args, Context& context, bool general) {
    const DepthwiseBackward<T> conv = depthwise_task<T>(args, context, general);
    const PerThread<Accumulate<T>> workspace(context, conv.workspace_size());
    parallel_for(conv.blocks.count(), [&](int64_t block) {
        clear_sums(conv, block);
        passes<T>().backward(conv, block, workspace.mine());
    });
    put_sums(conv);
}

const char* refuses_direct_forward(const ConvForward& args) { return refuses_depthwise_loops(args.shape); }
const char* refuses_direct_backward(const ConvBackward& args) {
    return refuses_depthwise_backward_loops(args.shape);
}

template <bool general>
constexpr auto run_forward = all_types([]<class T>(const ConvForward& args, Context& context) {
    with_own_rounding<T>([&]<class Own>() { forward<Own>(args, context, general); });
});

template <bool general>
constexpr auto run_backward = all_types([]<class T>(const ConvBackward& args, Context& context) {
    with_own_rounding<T>([&]<class Own>() { backward<Own>(args, context, general); });
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

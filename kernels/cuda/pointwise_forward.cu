// Pointwise convolution, forward, by the product of gemm.h: y [pixels, out] = a [pixels, in] · weightᵀ.
//
// Bytes of floats: x is read once for each 64 output channels (from L2 but for the first time, since the
// blocks of the same pixels run side by side), y is written once, the weight stays in L2. At least
// 4 · pixels · (in + out). FLOPs: 2 · pixels · in · out. An H100 (67 TFLOP/s, 3.0 TB/s) is bound by memory
// while in · out / (in + out) < 45: MobileNetV2's 24 → 144 is, its 96 → 576 is bound by arithmetic.

#include "kernels/cuda/gemm_conv.h"
#include "kernels/cuda/pointwise_conv.h"

namespace vitrine::VITRINE_GPU {
namespace {

template <class V, class T>
void forward(const ConvForward& args, GemmTiling tiling, Context& context) {
    const int row_length = static_cast<int>(args.shape.in_channels);
    const LinesOfMatrix<PrologueSource<V, T>> a{PrologueSource<V, T>(args.x, args.prologue), row_length};
    const LinesOfMatrix<PlainSource<V, T>> b{{static_cast<const T*>(args.weight)}, row_length};
    run_conv_output<T>(args, args.shape.in_channels, a, b, context, tiling);
}

}  // namespace

const char* refuses_pointwise_products(const ConvForward& args) {
    return fits_int(args.shape) ? nullptr : "a tensor has 2^31 elements or more";
}

const char* refuses_pointwise_packs(const ConvForward& args) {
    const int64_t size = static_cast<int64_t>(16 / size_of(args.dtype));
    if (args.shape.in_channels % size != 0) return "the input channels are no multiple of 16 bytes";
    if (!aligned(args.x, args.weight, args.prologue.scale, args.prologue.shift)) {
        return "a pointer is not aligned to 16 bytes";
    }
    return refuses_pointwise_products(args);
}

void pointwise_forward_products(const ConvForward& args, bool packs, GemmTiling tiling, Context& context) {
    dispatch_storage(args.dtype, [&]<class T>() {
        with_loads<T>(packs, tiling, [&]<class V>() { forward<V, T>(args, tiling, context); });
    });
}

}  // namespace vitrine::VITRINE_GPU

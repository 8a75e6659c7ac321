// Pointwise convolution, backward: d_x, d_scale and d_shift, by the first product of pointwise_backward.cu, which tells of its bytes
// and FLOPs. In a file of its own, as each of the two products has a kernel for each tile, type and epilogue.

#include "kernels/cuda/gemm_conv.h"
#include "kernels/cuda/pointwise_conv.h"
#include "kernels/cuda/pointwise_factors.h"

namespace vitrine::VITRINE_GPU {

void pointwise_input_gradients(const ConvBackward& args, bool packs, GemmTiling tiling, Context& context) {
    dispatch_storage(args.dtype, [&]<class T>() {
        with_loads<T>(packs, tiling, [&]<class V>() {
            const InputGradientFactors<V, T> factors(args);
            run_conv_input_gradient<T>(args, args.shape.out_channels, factors.g, factors.weight, context,
                                       tiling);
        });
    });
}

}  // namespace vitrine::VITRINE_GPU

// Dense convolution by implicit matrix products: the forward pass and the weight gradient. dense_conv_gemm.h
// says what is multiplied and what it costs.

#include "kernels/cuda/dense_conv_gemm.h"

#include "kernels/cuda/channel_sums.h"
#include "kernels/cuda/conv_parts.h"

namespace vitrine::VITRINE_GPU {
namespace {

const char* refuses_shape(const ConvShape& s) {
    if (s.groups != 1) return "more than one group";
    const Size2 out = s.out();
    // Windows begin in the padding, so that belongs to the indices, too.
    const int64_t padded =
        s.batch * (s.in.height + 2 * s.padding.height) * (s.in.width + 2 * s.padding.width) * s.in_channels;
    const int64_t reached = s.batch * (out.height + s.kernel.height) * (out.width + s.kernel.width);
    const bool fits = fits_int(padded) && fits_int(reached * s.out_channels) && fits_int(s.weight_count());
    return fits ? nullptr : "a tensor has 2^31 elements or more";
}

template <class... Pointers>
const char* refuses_gemm_packs(DType dtype, const ConvShape& shape, Pointers... pointers) {
    if (const char* reason = refuses_shape(shape)) return reason;
    if (const char* reason = refuses_packs(dtype, shape.in_channels, pointers...)) return reason;
    return refuses_packs(dtype, shape.out_channels);
}

// Forward

/// bias and moments, written while the sums are in registers; see GemmConvOutput.
template <class V, class T>
void forward_product(const ConvForward& args, Context& context) {
    const ConvShape& shape = args.shape;
    const int64_t m = shape.out_pixels(), n = shape.out_channels, k = shape.weight_count() / n;
    if (m * n == 0) return;
    const GemmPlan plan = plan_gemm(args.dtype, m, n, k);
    const LinesOfWindows<PrologueSource<V, T>> windows{PrologueSource<V, T>(args.x, args.prologue),
                                                       forward_windows(shape)};
    const LinesOfMatrix<PlainSource<V, T>> weight{{static_cast<const T*>(args.weight)}, static_cast<int>(k)};
    T* y = static_cast<T*>(args.y);
    const PutOutput<T> put{y, static_cast<const T*>(args.bias), static_cast<int>(n)};
    const bool packs = packs_fit<T>(n, args.y, args.bias);
    const bool fused_moments = !args.epilogue.plain() && plan.splits == 1;
    T* moments = fused_moments ? context.scratch.take<T>(plan.row_tiles * 3 * n) : nullptr;
    run_whole_or_split(plan, m, n, k, windows, weight, GemmConvOutput<T>{put, packs, moments}, put, packs,
                       context);
    T* mean = static_cast<T*>(args.epilogue.mean);
    T* m2 = static_cast<T*>(args.epilogue.m2);
    if (fused_moments) {
        finish_moments<T>(moments, plan.row_tiles, n, mean, m2);
    } else if (!args.epilogue.plain()) {
        channel_moments<T>(y, m, n, mean, m2, context);
    }
}

// Backward

/// k are the output pixels, far more than rows and columns: split among the blocks.
template <class V, class T>
void weight_gradient(const ConvBackward& args, Context& context) {
    const ConvShape& shape = args.shape;
    const int64_t m = shape.out_channels, n = shape.weight_count() / m, k = shape.out_pixels();
    const RowsOfDepth<UpstreamSource<V, T>> g{UpstreamSource<V, T>(args), static_cast<int>(m)};
    const DepthsOfWindows<PrologueSource<V, T>> windows{PrologueSource<V, T>(args.x, args.prologue),
                                                        forward_windows(shape)};
    const PutGradient<T> put{ValuesWriter<T>(args.d_weight), static_cast<int>(n)};
    const bool packs = packs_fit<T>(n, args.d_weight.data);
    run_whole_or_split(plan_gemm(args.dtype, m, n, k), m, n, k, g, windows,
                       GemmStore<T, PutGradient<T>>{put, packs}, put, packs, context);
}

template <class V, class T>
void backward_products(const ConvBackward& args, Context& context) {
    if (args.d_x || args.d_scale || args.d_shift) dense_input_gradients<V, T>(args, context);
    if (args.d_weight) weight_gradient<V, T>(args, context);
    bias_gradient(args, context);
}

}  // namespace

const char* refuses_dense_forward_singles(const ConvForward& args) { return refuses_shape(args.shape); }
const char* refuses_dense_backward_singles(const ConvBackward& args) { return refuses_shape(args.shape); }

const char* refuses_dense_forward_packs(const ConvForward& args) {
    return refuses_gemm_packs(args.dtype, args.shape, args.x, args.weight, args.bias, args.prologue.scale,
                              args.prologue.shift, args.y);
}
const char* refuses_dense_backward_packs(const ConvBackward& args) {
    return refuses_gemm_packs(args.dtype, args.shape, args.x, args.weight, args.prologue.scale,
                              args.prologue.shift, args.d_y, args.y, args.mean, args.d_mean, args.d_m2,
                              args.d_x.data, args.d_weight.data);
}

void dense_forward_gemm_packs(const ConvForward& args, Context& context) {
    dispatch_float(args.dtype, [&]<class T>() { forward_product<Pack<T>, T>(args, context); });
}
void dense_forward_gemm_singles(const ConvForward& args, Context& context) {
    dispatch_float(args.dtype, [&]<class T>() { forward_product<Single<T>, T>(args, context); });
}
void dense_backward_gemm_packs(const ConvBackward& args, Context& context) {
    dispatch_float(args.dtype, [&]<class T>() { backward_products<Pack<T>, T>(args, context); });
}
void dense_backward_gemm_singles(const ConvBackward& args, Context& context) {
    dispatch_float(args.dtype, [&]<class T>() { backward_products<Single<T>, T>(args, context); });
}

}  // namespace vitrine::VITRINE_GPU

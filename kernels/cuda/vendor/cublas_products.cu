// Pointwise convolution and the linear layer as cuBLAS's matrix products.
//
// cuBLAS stores matrices by columns: our row-major [rows, columns] is its columns × rows. So y = x · weightᵀ
// is, in its words, the product y (out × rows) = weightᵀ · x, weight being in × out and x in × rows. Products
// are true f32 (libraries.cu sets the mode); the workspace is scratch memory, which also makes the bits
// repeat.

#include "kernels/cuda/conv_parts.h"
#include "kernels/cuda/vendor/implementations.h"
#include "kernels/cuda/vendor/libraries.h"
#include "kernels/cuda/vendor/rearrange.h"

namespace vitrine::VITRINE_GPU::vendor {
namespace {

/// What NVIDIA recommends for its largest GPUs.
constexpr size_t workspace_bytes = size_t{32} << 20;

/// rows products of in inputs and out outputs: x [rows, in], weight [out, in], y [rows, out].
struct Sizes {
    int64_t rows;
    int64_t in;
    int64_t out;
};

void gemm(cublasOperation_t of_a, cublasOperation_t of_b, int m, int n, int k, const float* a, int row_a,
          const float* b, int row_b, float beta, float* c, int row_c) {
    const float alpha = 1;
    VITRINE_CUBLAS(cublasSgemm_v2, cublas_handle(), of_a, of_b, m, n, k, &alpha, a, row_a, b, row_b, &beta, c,
                   row_c);
}

void gemm(cublasOperation_t of_a, cublasOperation_t of_b, int m, int n, int k, const double* a, int row_a,
          const double* b, int row_b, double beta, double* c, int row_c) {
    const double alpha = 1;
    VITRINE_CUBLAS(cublasDgemm_v2, cublas_handle(), of_a, of_b, m, n, k, &alpha, a, row_a, b, row_b, &beta, c,
                   row_c);
}

void give_workspace(Context& context) {
    VITRINE_CUBLAS(cublasSetWorkspace_v2, cublas_handle(), context.scratch.take(workspace_bytes),
                   workspace_bytes);
}

template <class T>
T beta_of(const Gradient& gradient) {
    return gradient.mode == GradMode::accumulate ? T(1) : T(0);
}

template <class T>
void multiply_forward(const Sizes& sizes, const void* x, const void* weight, const void* bias, void* y,
                      Context& context) {
    const int rows = static_cast<int>(sizes.rows), in = static_cast<int>(sizes.in),
              out = static_cast<int>(sizes.out);
    give_workspace(context);
    gemm(CUBLAS_OP_T, CUBLAS_OP_N, out, rows, in, static_cast<const T*>(weight), in, static_cast<const T*>(x),
         in, T(0), static_cast<T*>(y), out);
    add_bias(static_cast<const T*>(bias), static_cast<T*>(y), sizes.rows, sizes.out);
}

/// d_x = d_y · weight and d_weight = d_yᵀ · x, each if wanted.
template <class T>
void multiply_backward(const Sizes& sizes, const void* x, const void* weight, const void* d_y,
                       const Gradient& d_x, const Gradient& d_weight, Context& context) {
    const int rows = static_cast<int>(sizes.rows), in = static_cast<int>(sizes.in),
              out = static_cast<int>(sizes.out);
    const T* upstream = static_cast<const T*>(d_y);
    give_workspace(context);
    if (d_x) {
        gemm(CUBLAS_OP_N, CUBLAS_OP_N, in, rows, out, static_cast<const T*>(weight), in, upstream, out,
             beta_of<T>(d_x), static_cast<T*>(d_x.data), in);
    }
    if (d_weight) {
        gemm(CUBLAS_OP_N, CUBLAS_OP_T, in, out, rows, static_cast<const T*>(x), in, upstream, out,
             beta_of<T>(d_weight), static_cast<T*>(d_weight.data), in);
    }
}

const char* refuses(const Sizes& sizes) {
    if (cublas_problem() != nullptr) return cublas_problem();
    if (!fits_int(sizes.rows) || !fits_int(sizes.in) || !fits_int(sizes.out))
        return "a matrix with more rows or columns than 32 bits can count";
    return sizes.rows == 0 || sizes.in == 0 || sizes.out == 0 ? "an empty matrix" : nullptr;
}

Sizes sizes_of(const ConvShape& shape) { return {shape.out_pixels(), shape.in_channels, shape.out_channels}; }

void plain_pointwise_forward(const ConvForward& args, Context& context) {
    dispatch_float(args.dtype, [&]<class T>() {
        multiply_forward<T>(sizes_of(args.shape), args.x, args.weight, args.bias, args.y, context);
    });
}

void plain_pointwise_backward(const ConvBackward& args, Context& context) {
    dispatch_float(args.dtype, [&]<class T>() {
        multiply_backward<T>(sizes_of(args.shape), args.x, args.weight, args.d_y, args.d_x, args.d_weight,
                             context);
    });
}

/// The linear layer's d_bias is that of a convolution over 1 × 1 images.
ConvBackward as_convolution(const LinearBackward& args) {
    ConvBackward convolution;
    convolution.dtype = args.dtype;
    convolution.shape.batch = args.rows;
    convolution.shape.in_channels = args.in_features;
    convolution.shape.out_channels = args.out_features;
    convolution.d_y = args.d_y;
    convolution.d_bias = args.d_bias;
    return convolution;
}

}  // namespace

const char* cublas_refuses_pointwise_forward(const ConvForward& args) {
    return refuses(sizes_of(args.shape));
}
const char* cublas_refuses_pointwise_backward(const ConvBackward& args) {
    return refuses(sizes_of(args.shape));
}
const char* cublas_refuses_linear_forward(const LinearForward& args) {
    return refuses({args.rows, args.in_features, args.out_features});
}
const char* cublas_refuses_linear_backward(const LinearBackward& args) {
    return refuses({args.rows, args.in_features, args.out_features});
}

void cublas_pointwise_forward(const ConvForward& args, Context& context) {
    forward_around(args, context, plain_pointwise_forward);
}
void cublas_pointwise_backward(const ConvBackward& args, Context& context) {
    backward_around(args, context, plain_pointwise_backward);
}

void cublas_linear_forward(const LinearForward& args, Context& context) {
    dispatch_float(args.dtype, [&]<class T>() {
        multiply_forward<T>({args.rows, args.in_features, args.out_features}, args.x, args.weight, args.bias,
                            args.y, context);
    });
}

void cublas_linear_backward(const LinearBackward& args, Context& context) {
    dispatch_float(args.dtype, [&]<class T>() {
        multiply_backward<T>({args.rows, args.in_features, args.out_features}, args.x, args.weight, args.d_y,
                             args.d_x, args.d_weight, context);
    });
    bias_gradient(as_convolution(args), context);
}

}  // namespace vitrine::VITRINE_GPU::vendor

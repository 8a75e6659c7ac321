// The stand-in cuDNN's convolutions: the loops of the definition over whatever layouts are described.
//
// An algorithm is as exact and as reproducible as cuDNN says that its own is, and the math type as exact as
// on a GPU with tensor cores: so whoever takes another than he should gets other numbers.

#include <span>
#include <vector>

#include "kernels/simt/memory.h"
#include "tests/vendor/stand_in/arithmetic.h"
#include "tests/vendor/stand_in/cudnn_objects.h"
#include "tests/vendor/stand_in/memory.h"

namespace vitrine::stand_in {
namespace {

/// What the three directions have in common, checked.
struct Convolution {
    const cudnnTensorStruct& x;
    const cudnnFilterStruct& w;
    const cudnnTensorStruct& y;
    const cudnnConvolutionStruct& how;
};

int64_t out_size(int64_t in, int64_t pad, int64_t kernel, int64_t dilation, int64_t stride) {
    return 1 + (in + 2 * pad - ((kernel - 1) * dilation + 1)) / stride;
}

void require_types(const Convolution& c) {
    require(c.x.type == c.w.type && c.x.type == c.y.type && c.x.type == c.how.compute_type,
            CUDNN_STATUS_NOT_SUPPORTED_DATA_TYPE,
            "x, w, y and the computation must be all float or all double");
}

void require_layouts(const Convolution& c) {
    const bool same = c.x.format == c.y.format && c.x.format == c.w.format;
    require(same, CUDNN_STATUS_NOT_SUPPORTED_LAYOUT, "x, w and y must have the same format");
}

void require_shapes(const Convolution& c) {
    const auto shape = CUDNN_STATUS_BAD_PARAM_SHAPE_MISMATCH;
    require(c.w.c * c.how.groups == c.x.c, shape,
            "the filter's input channels times the groups must be x's channels");
    require(c.w.k % c.how.groups == 0, shape, "the groups must divide the output channels");
    require(c.y.n == c.x.n && c.y.c == c.w.k, shape, "y must have x's images and the filter's channels");
    require(c.y.h == out_size(c.x.h, c.how.pad_h, c.w.h, c.how.dilation_h, c.how.stride_h) &&
                c.y.w == out_size(c.x.w, c.how.pad_w, c.w.w, c.how.dilation_w, c.how.stride_w),
            shape, "y is not as high and wide as padding, filter, stride and dilation make it");
}

Convolution checked(cudnnHandle_t handle, cudnnTensorDescriptor_t x, cudnnFilterDescriptor_t w,
                    cudnnConvolutionDescriptor_t how, cudnnTensorDescriptor_t y) {
    require_ready(handle);
    const Convolution c{described(x, "x's descriptor"), described(w, "the filter's descriptor"),
                        described(y, "y's descriptor"), described(how, "the convolution's descriptor")};
    require_types(c);
    require_layouts(c);
    require_shapes(c);
    return c;
}

/// What is said of an algorithm, and what it does to results.
template <class Algorithm>
struct Trait {
    Algorithm algorithm;
    bool supported;
    bool deterministic;
    bool exact;                   // not by a transform
    int64_t workspace_per_image;  // bytes
};

constexpr Trait<cudnnConvolutionFwdAlgo_t> forward_traits[]{
    {CUDNN_CONVOLUTION_FWD_ALGO_WINOGRAD_NONFUSED, true, true, false, 512},
    {CUDNN_CONVOLUTION_FWD_ALGO_FFT_TILING, true, true, false, 4096},
    {CUDNN_CONVOLUTION_FWD_ALGO_GEMM, false, true, true, 0},
    {CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_PRECOMP_GEMM, true, true, true, 640},
    {CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_GEMM, true, true, true, 0}};

constexpr Trait<cudnnConvolutionBwdDataAlgo_t> data_traits[]{
    {CUDNN_CONVOLUTION_BWD_DATA_ALGO_0, true, false, true, 0},
    {CUDNN_CONVOLUTION_BWD_DATA_ALGO_WINOGRAD, true, true, false, 512},
    {CUDNN_CONVOLUTION_BWD_DATA_ALGO_1, true, true, true, 384}};

constexpr Trait<cudnnConvolutionBwdFilterAlgo_t> filter_traits[]{
    {CUDNN_CONVOLUTION_BWD_FILTER_ALGO_0, true, false, true, 0},
    {CUDNN_CONVOLUTION_BWD_FILTER_ALGO_3, true, false, true, 128},
    {CUDNN_CONVOLUTION_BWD_FILTER_ALGO_FFT, true, true, false, 2048},
    {CUDNN_CONVOLUTION_BWD_FILTER_ALGO_1, true, true, true, 1280}};

std::span<const Trait<cudnnConvolutionFwdAlgo_t>> traits(cudnnConvolutionFwdAlgo_t) { return forward_traits; }
std::span<const Trait<cudnnConvolutionBwdDataAlgo_t>> traits(cudnnConvolutionBwdDataAlgo_t) {
    return data_traits;
}
std::span<const Trait<cudnnConvolutionBwdFilterAlgo_t>> traits(cudnnConvolutionBwdFilterAlgo_t) {
    return filter_traits;
}

template <class Algorithm>
const Trait<Algorithm>& trait_of(Algorithm algorithm) {
    for (const auto& trait : traits(algorithm)) {
        if (trait.algorithm == algorithm && trait.supported) return trait;
    }
    throw Wrong{CUDNN_STATUS_NOT_SUPPORTED, "this algorithm does not take this convolution"};
}

template <class Algorithm>
size_t workspace_of(Algorithm algorithm, const Convolution& c) {
    return static_cast<size_t>(trait_of(algorithm).workspace_per_image * c.x.n);
}

template <class Algorithm, class Performance>
void list_algorithms(const Convolution& c, int requested, int* returned, Performance* results) {
    require(requested > 0, CUDNN_STATUS_BAD_PARAM, "at least one algorithm must be asked for");
    require(returned != nullptr && results != nullptr, CUDNN_STATUS_BAD_PARAM_NULL_POINTER,
            "the place for the algorithms is null");
    *returned = 0;
    for (const auto& trait : traits(Algorithm{})) {
        if (*returned == requested) return;
        Performance& result = results[(*returned)++];
        result = {};
        result.algo = trait.algorithm;
        result.status = trait.supported ? CUDNN_STATUS_SUCCESS : CUDNN_STATUS_NOT_SUPPORTED;
        result.time = static_cast<float>(*returned);
        result.memory = static_cast<size_t>(trait.workspace_per_image * c.x.n);
        result.determinism = trait.deterministic ? CUDNN_DETERMINISTIC : CUDNN_NON_DETERMINISTIC;
        result.mathType = c.how.math;
    }
}

template <class Algorithm>
void require_workspace(const Convolution& c, Algorithm algorithm, void* workspace, size_t bytes) {
    const size_t needed = workspace_of(algorithm, c);
    require(bytes >= needed, CUDNN_STATUS_BAD_PARAM_SIZE_INSUFFICIENT,
            "the workspace of " + std::to_string(bytes) + " bytes is too small: the algorithm needs " +
                std::to_string(needed));
    if (needed == 0) return;
    const std::string wrong = wrong_device_memory(workspace, bytes, 16, "the workspace");
    require(wrong.empty(), CUDNN_STATUS_BAD_PARAM, wrong);
    scribble(workspace, bytes);
}

/// Calls visit(place in x, place in w, place in y) for every product of the definition.
template <class Visit>
void for_each_product(const Convolution& c, Visit visit) {
    const int64_t group_out = c.w.k / c.how.groups;
    const bool flipped = c.how.mode == CUDNN_CONVOLUTION;
    for (int64_t n = 0; n < c.y.n; ++n)
        for (int64_t i = 0; i < c.y.h; ++i)
            for (int64_t j = 0; j < c.y.w; ++j)
                for (int64_t p = 0; p < c.w.h; ++p) {
                    const int64_t row = i * c.how.stride_h + p * c.how.dilation_h - c.how.pad_h;
                    if (row < 0 || row >= c.x.h) continue;
                    for (int64_t q = 0; q < c.w.w; ++q) {
                        const int64_t column = j * c.how.stride_w + q * c.how.dilation_w - c.how.pad_w;
                        if (column < 0 || column >= c.x.w) continue;
                        const int64_t tap_row = flipped ? c.w.h - 1 - p : p;
                        const int64_t tap_column = flipped ? c.w.w - 1 - q : q;
                        const int64_t x_step = c.x.at(0, 1, 0, 0), w_step = c.w.at(0, 1, 0, 0);
                        for (int64_t o = 0; o < c.w.k; ++o) {
                            const int64_t first = o / group_out * c.w.c;
                            int64_t at_x = c.x.at(n, first, row, column);
                            int64_t at_w = c.w.at(o, 0, tap_row, tap_column);
                            const int64_t at_y = c.y.at(n, o, i, j);
                            for (int64_t k = 0; k < c.w.c; ++k, at_x += x_step, at_w += w_step)
                                visit(at_x, at_w, at_y);
                        }
                    }
                }
}

/// Factors of the products, as the math type has them.
template <class T>
std::vector<double> factors(const void* memory, int64_t count, cudnnMathType_t math) {
    const T* values = static_cast<const T*>(memory);
    std::vector<double> result(values, values + count);
    if constexpr (sizeof(T) == 4) {
        if (math != CUDNN_FMA_MATH) {
            for (double& value : result) value = as_tf32(static_cast<float>(value));
        }
    }
    return result;
}

/// Puts sums into an output as an algorithm would leave them.
template <class T, class Algorithm>
void leave(const std::vector<double>& sums, Algorithm algorithm, const void* alpha, const void* beta,
           void* output) {
    const Trait<Algorithm>& trait = trait_of(algorithm);
    T* values = static_cast<T*>(output);
    for (size_t i = 0; i < sums.size(); ++i) {
        double sum = sums[i];
        if (!trait.exact) sum = as_tf32(static_cast<float>(sum));  // transforms lose digits
        blend(values[i], sum, *static_cast<const T*>(alpha), *static_cast<const T*>(beta));
        if (!trait.deterministic) values[i] = with_other_bits(values[i]);
    }
}

size_t sized(int64_t count) { return static_cast<size_t>(count); }

}  // namespace
}  // namespace vitrine::stand_in

using namespace vitrine;
using namespace vitrine::stand_in;

cudnnStatus_t cudnnGetConvolutionForwardAlgorithm_v7(cudnnHandle_t handle, const cudnnTensorDescriptor_t x,
                                                     const cudnnFilterDescriptor_t w,
                                                     const cudnnConvolutionDescriptor_t convolution,
                                                     const cudnnTensorDescriptor_t y, const int requested,
                                                     int* returned, cudnnConvolutionFwdAlgoPerf_t* results) {
    return call<cudnnStatus_t>("cudnnGetConvolutionForwardAlgorithm_v7", [&] {
        list_algorithms<cudnnConvolutionFwdAlgo_t>(checked(handle, x, w, convolution, y), requested, returned,
                                                   results);
    });
}

cudnnStatus_t cudnnGetConvolutionBackwardDataAlgorithm_v7(
    cudnnHandle_t handle, const cudnnFilterDescriptor_t w, const cudnnTensorDescriptor_t dy,
    const cudnnConvolutionDescriptor_t convolution, const cudnnTensorDescriptor_t dx, const int requested,
    int* returned, cudnnConvolutionBwdDataAlgoPerf_t* results) {
    return call<cudnnStatus_t>("cudnnGetConvolutionBackwardDataAlgorithm_v7", [&] {
        list_algorithms<cudnnConvolutionBwdDataAlgo_t>(checked(handle, dx, w, convolution, dy), requested,
                                                       returned, results);
    });
}

cudnnStatus_t cudnnGetConvolutionBackwardFilterAlgorithm_v7(
    cudnnHandle_t handle, const cudnnTensorDescriptor_t x, const cudnnTensorDescriptor_t dy,
    const cudnnConvolutionDescriptor_t convolution, const cudnnFilterDescriptor_t dw, const int requested,
    int* returned, cudnnConvolutionBwdFilterAlgoPerf_t* results) {
    return call<cudnnStatus_t>("cudnnGetConvolutionBackwardFilterAlgorithm_v7", [&] {
        list_algorithms<cudnnConvolutionBwdFilterAlgo_t>(checked(handle, x, dw, convolution, dy), requested,
                                                         returned, results);
    });
}

cudnnStatus_t cudnnGetConvolutionForwardWorkspaceSize(cudnnHandle_t handle, const cudnnTensorDescriptor_t x,
                                                      const cudnnFilterDescriptor_t w,
                                                      const cudnnConvolutionDescriptor_t convolution,
                                                      const cudnnTensorDescriptor_t y,
                                                      cudnnConvolutionFwdAlgo_t algorithm, size_t* bytes) {
    return call<cudnnStatus_t>("cudnnGetConvolutionForwardWorkspaceSize", [&] {
        *bytes = workspace_of(algorithm, checked(handle, x, w, convolution, y));
    });
}

cudnnStatus_t cudnnGetConvolutionBackwardDataWorkspaceSize(
    cudnnHandle_t handle, const cudnnFilterDescriptor_t w, const cudnnTensorDescriptor_t dy,
    const cudnnConvolutionDescriptor_t convolution, const cudnnTensorDescriptor_t dx,
    cudnnConvolutionBwdDataAlgo_t algorithm, size_t* bytes) {
    return call<cudnnStatus_t>("cudnnGetConvolutionBackwardDataWorkspaceSize", [&] {
        *bytes = workspace_of(algorithm, checked(handle, dx, w, convolution, dy));
    });
}

cudnnStatus_t cudnnGetConvolutionBackwardFilterWorkspaceSize(
    cudnnHandle_t handle, const cudnnTensorDescriptor_t x, const cudnnTensorDescriptor_t dy,
    const cudnnConvolutionDescriptor_t convolution, const cudnnFilterDescriptor_t dw,
    cudnnConvolutionBwdFilterAlgo_t algorithm, size_t* bytes) {
    return call<cudnnStatus_t>("cudnnGetConvolutionBackwardFilterWorkspaceSize", [&] {
        *bytes = workspace_of(algorithm, checked(handle, x, dw, convolution, dy));
    });
}

cudnnStatus_t cudnnConvolutionForward(cudnnHandle_t handle, const void* alpha,
                                      const cudnnTensorDescriptor_t x_descriptor, const void* x,
                                      const cudnnFilterDescriptor_t w_descriptor, const void* w,
                                      const cudnnConvolutionDescriptor_t convolution,
                                      cudnnConvolutionFwdAlgo_t algorithm, void* workspace,
                                      size_t workspace_bytes, const void* beta,
                                      const cudnnTensorDescriptor_t y_descriptor, void* y) {
    return call<cudnnStatus_t>("cudnnConvolutionForward", [&] {
        const Convolution c = checked(handle, x_descriptor, w_descriptor, convolution, y_descriptor);
        require_factors(alpha, beta);
        require_tensor(x, c.x.count(), c.x.type, "x");
        require_tensor(w, c.w.count(), c.w.type, "w");
        require_tensor(y, c.y.count(), c.y.type, "y");
        require_apart(y, c.y.count(), x, c.x.count(), c.x.type, "y and x");
        const simt::LibraryCall working(handle->stream);
        require_workspace(c, algorithm, workspace, workspace_bytes);
        with_type(c.x.type, [&]<class T>() {
            const auto xs = factors<T>(x, c.x.count(), c.how.math);
            const auto ws = factors<T>(w, c.w.count(), c.how.math);
            std::vector<double> sums(sized(c.y.count()));
            for_each_product(c, [&](int64_t at_x, int64_t at_w, int64_t at_y) {
                sums[sized(at_y)] += xs[sized(at_x)] * ws[sized(at_w)];
            });
            leave<T>(sums, algorithm, alpha, beta, y);
        });
    });
}

cudnnStatus_t cudnnConvolutionBackwardData(cudnnHandle_t handle, const void* alpha,
                                           const cudnnFilterDescriptor_t w_descriptor, const void* w,
                                           const cudnnTensorDescriptor_t dy_descriptor, const void* dy,
                                           const cudnnConvolutionDescriptor_t convolution,
                                           cudnnConvolutionBwdDataAlgo_t algorithm, void* workspace,
                                           size_t workspace_bytes, const void* beta,
                                           const cudnnTensorDescriptor_t dx_descriptor, void* dx) {
    return call<cudnnStatus_t>("cudnnConvolutionBackwardData", [&] {
        const Convolution c = checked(handle, dx_descriptor, w_descriptor, convolution, dy_descriptor);
        require_factors(alpha, beta);
        require_tensor(w, c.w.count(), c.w.type, "w");
        require_tensor(dy, c.y.count(), c.y.type, "dy");
        require_tensor(dx, c.x.count(), c.x.type, "dx");
        require_apart(dx, c.x.count(), dy, c.y.count(), c.x.type, "dx and dy");
        const simt::LibraryCall working(handle->stream);
        require_workspace(c, algorithm, workspace, workspace_bytes);
        with_type(c.x.type, [&]<class T>() {
            const auto ws = factors<T>(w, c.w.count(), c.how.math);
            const auto ys = factors<T>(dy, c.y.count(), c.how.math);
            std::vector<double> sums(sized(c.x.count()));
            for_each_product(c, [&](int64_t at_x, int64_t at_w, int64_t at_y) {
                sums[sized(at_x)] += ws[sized(at_w)] * ys[sized(at_y)];
            });
            leave<T>(sums, algorithm, alpha, beta, dx);
        });
    });
}

cudnnStatus_t cudnnConvolutionBackwardFilter(cudnnHandle_t handle, const void* alpha,
                                             const cudnnTensorDescriptor_t x_descriptor, const void* x,
                                             const cudnnTensorDescriptor_t dy_descriptor, const void* dy,
                                             const cudnnConvolutionDescriptor_t convolution,
                                             cudnnConvolutionBwdFilterAlgo_t algorithm, void* workspace,
                                             size_t workspace_bytes, const void* beta,
                                             const cudnnFilterDescriptor_t dw_descriptor, void* dw) {
    return call<cudnnStatus_t>("cudnnConvolutionBackwardFilter", [&] {
        const Convolution c = checked(handle, x_descriptor, dw_descriptor, convolution, dy_descriptor);
        require_factors(alpha, beta);
        require_tensor(x, c.x.count(), c.x.type, "x");
        require_tensor(dy, c.y.count(), c.y.type, "dy");
        require_tensor(dw, c.w.count(), c.w.type, "dw");
        const simt::LibraryCall working(handle->stream);
        require_workspace(c, algorithm, workspace, workspace_bytes);
        with_type(c.x.type, [&]<class T>() {
            const auto xs = factors<T>(x, c.x.count(), c.how.math);
            const auto ys = factors<T>(dy, c.y.count(), c.how.math);
            std::vector<double> sums(sized(c.w.count()));
            for_each_product(c, [&](int64_t at_x, int64_t at_w, int64_t at_y) {
                sums[sized(at_w)] += xs[sized(at_x)] * ys[sized(at_y)];
            });
            leave<T>(sums, algorithm, alpha, beta, dw);
        });
    });
}

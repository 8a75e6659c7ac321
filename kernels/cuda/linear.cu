// The linear layer: y = x · weightᵀ + bias.
//
//     register_tiled          the matrix products of gemm.h, loads in packs of 16 bytes
//     register_tiled_singles  the same with single loads, for rows that are no multiple of a pack
//     tiled, naive            the rungs below: gemm_ladder.h
//
// A classifier's head has few rows (a batch of 64, say) and 1000 columns: 32 tiles of C, where an H100 wants
// 264 blocks. So k is split: 1280 features in 8 parts make 256 blocks, for 8 · 64 · 1000 more floats written
// and read.

#include "kernels/cuda/channel_sums.h"
#include "kernels/cuda/gemm_ladder.h"
#include "kernels/cuda/gemm_split.h"

namespace vitrine::VITRINE_GPU {
namespace {

// Bias

template <class T>
struct ColumnSums {
    using Element = T;
    static constexpr int sums = 1;
    struct Nothing {};

    const T* matrix;

    template <class V>
    __device__ __forceinline__ Nothing at(int64_t, int64_t) const {
        return {};
    }
    template <class V>
    __device__ __forceinline__ V load(int64_t index) const {
        return load_values<V>(matrix + index);
    }
    template <class V>
    __device__ __forceinline__ void apply(Nothing, const V& loaded, int64_t, V (&to)[1]) const {
        VITRINE_UNROLL
        for (int i = 0; i < V::size; ++i) to[0][i] += loaded[i];
    }
};

/// d_bias = Σ_rows d_y
template <class T>
void bias_gradient_of(const LinearBackward& args, Context& context) {
    if (!args.d_bias) return;
    const ColumnSums<T> body{static_cast<const T*>(args.d_y)};
    with_values<T>(packs_fit<T>(args.out_features, args.d_y), [&]<class V>() {
        const Partials<T> partials = sum_over_columns<V>(body, args.rows, args.out_features, context);
        finish_sums(partials.data, partials.chunks, args.out_features, std::span(&args.d_bias, 1));
    });
}

// The products of gemm.h

template <class V, class T>
LinesOfMatrix<PlainSource<V, T>> lines_of(const void* matrix, int64_t row_length) {
    return {{static_cast<const T*>(matrix)}, static_cast<int>(row_length)};
}
template <class V, class T>
RowsOfDepth<PlainSource<V, T>> rows_of_depth(const void* matrix, int64_t row_length) {
    return {{static_cast<const T*>(matrix)}, static_cast<int>(row_length)};
}

template <class T, template <class> class Values>
void forward_by_gemm(const LinearForward& args, Context& context) {
    using V = Values<T>;
    const int64_t in = args.in_features;
    const int64_t out = args.out_features;
    const PutOutput<T> put{static_cast<T*>(args.y), static_cast<const T*>(args.bias), static_cast<int>(out)};
    run_gemm_to(plan_gemm(args.dtype, args.rows, out, in), args.rows, out, in, lines_of<V, T>(args.x, in),
                lines_of<V, T>(args.weight, in), put, packs_fit<T>(out, args.y, args.bias), context);
}

template <class T>
PutGradient<T> put_gradient(const Gradient& gradient, int64_t row_length) {
    return {ValuesWriter<T>(gradient), static_cast<int>(row_length)};
}

template <class T, template <class> class Values>
void backward_by_gemm(const LinearBackward& args, Context& context) {
    using V = Values<T>;
    const int64_t in = args.in_features;
    const int64_t out = args.out_features;
    if (args.d_x) {
        run_gemm_to(plan_gemm(args.dtype, args.rows, in, out), args.rows, in, out,
                    lines_of<V, T>(args.d_y, out), rows_of_depth<V, T>(args.weight, in),
                    put_gradient<T>(args.d_x, in), packs_fit<T>(in, args.d_x.data), context);
    }
    if (args.d_weight) {
        run_gemm_to(plan_gemm(args.dtype, out, in, args.rows), out, in, args.rows,
                    rows_of_depth<V, T>(args.d_y, out), rows_of_depth<V, T>(args.x, in),
                    put_gradient<T>(args.d_weight, in), packs_fit<T>(in, args.d_weight.data), context);
    }
    bias_gradient_of<T>(args, context);
}

const char* refuses_large(int64_t rows, int64_t in, int64_t out) {
    const bool small = fits_int(rows * in) && fits_int(rows * out) && fits_int(in * out);
    return small ? nullptr : "a matrix has 2^31 elements or more";
}

const char* refuses_singles_forward(const LinearForward& args) {
    return refuses_large(args.rows, args.in_features, args.out_features);
}
const char* refuses_singles_backward(const LinearBackward& args) {
    return refuses_large(args.rows, args.in_features, args.out_features);
}
const char* refuses_packs_forward(const LinearForward& args) {
    const int64_t size = static_cast<int64_t>(16 / size_of(args.dtype));
    if (args.in_features % size != 0) return "rows of x are no multiple of 16 bytes";
    if (!aligned(args.x, args.weight)) return "a pointer is not aligned to 16 bytes";
    return refuses_singles_forward(args);
}
const char* refuses_packs_backward(const LinearBackward& args) {
    const int64_t size = static_cast<int64_t>(16 / size_of(args.dtype));
    if (args.in_features % size != 0) return "rows of x are no multiple of 16 bytes";
    if (args.out_features % size != 0) return "rows of y are no multiple of 16 bytes";
    if (!aligned(args.x, args.weight, args.d_y)) return "a pointer is not aligned to 16 bytes";
    return refuses_singles_backward(args);
}

template <template <class> class Values>
void run_forward(const LinearForward& args, Context& context) {
    dispatch_float(args.dtype, [&]<class T>() { forward_by_gemm<T, Values>(args, context); });
}
template <template <class> class Values>
void run_backward(const LinearBackward& args, Context& context) {
    dispatch_float(args.dtype, [&]<class T>() { backward_by_gemm<T, Values>(args, context); });
}

// The rungs below

template <class Rung>
void run_rung_forward(const LinearForward& args, Context&) {
    dispatch_float(args.dtype, [&]<class T>() {
        Rung::run(matrix_of<T>(args.x, args.rows, args.in_features),
                  transposed(matrix_of<T>(args.weight, args.out_features, args.in_features)),
                  static_cast<const T*>(args.bias), GradientWriter<T>({args.y}));
    });
}

template <class Rung>
void run_rung_backward(const LinearBackward& args, Context& context) {
    dispatch_float(args.dtype, [&]<class T>() {
        const auto x = matrix_of<T>(args.x, args.rows, args.in_features);
        const auto weight = matrix_of<T>(args.weight, args.out_features, args.in_features);
        const auto d_y = matrix_of<T>(args.d_y, args.rows, args.out_features);
        if (args.d_x) Rung::run(d_y, weight, static_cast<const T*>(nullptr), GradientWriter<T>(args.d_x));
        if (args.d_weight) {
            Rung::run(transposed(d_y), x, static_cast<const T*>(nullptr), GradientWriter<T>(args.d_weight));
        }
        bias_gradient_of<T>(args, context);
    });
}

constexpr Implementation<LinearForward> forward_list[]{
    {"register_tiled", refuses_packs_forward, run_forward<Pack>},
    {"register_tiled_singles", refuses_singles_forward, run_forward<Single>},
    {"tiled", refuses_nothing, run_rung_forward<TiledProduct>},
    {"naive", refuses_nothing, run_rung_forward<NaiveProduct>}};
constexpr Implementation<LinearBackward> backward_list[]{
    {"register_tiled", refuses_packs_backward, run_backward<Pack>},
    {"register_tiled_singles", refuses_singles_backward, run_backward<Single>},
    {"tiled", refuses_nothing, run_rung_backward<TiledProduct>},
    {"naive", refuses_nothing, run_rung_backward<NaiveProduct>}};

}  // namespace

const Kernel<LinearForward> linear_forward{"linear_forward", forward_list};
const Kernel<LinearBackward> linear_backward{"linear_backward", backward_list};

}  // namespace vitrine::VITRINE_GPU

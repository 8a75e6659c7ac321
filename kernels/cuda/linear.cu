// The linear layer: y = x · weightᵀ + bias.
//
//     half_tensor_cores       the products of gemm.h by tensor cores (gemm_half_tensor.h); bf16 from 8.0 on and f16; packs
//     register_tiled          the matrix products of gemm.h, loads in packs of 16 bytes
//     register_tiled_singles  the same with single loads, for rows that are no multiple of a pack
//     register_tiled_128x64   one block tile for all shapes, for comparison; no doubles
//     register_tiled_128x32
//     half_tensor_cores_128x96  the same of half_tensor_cores
//     tensor_cores            the same product by tensor cores, from 8.0 on (gemm_tensor.h); floats and packs only
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
    using Element = Accumulate<T>;
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
    using A = Accumulate<T>;
    const ColumnSums<T> body{static_cast<const T*>(args.d_y)};
    with_values<T>(packs_fit<T>(args.out_features, args.d_y), [&]<class V>() {
        sum_over_columns_to<V>(body, args.rows, args.out_features, PutSum<A>{GradientWriter<A>(args.d_bias)},
                               context);
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

template <class V, class T>
void forward(const LinearForward& args, GemmTiling tiling, Context& context) {
    const int64_t m = args.rows, n = args.out_features, k = args.in_features;
    const PutOutput<T> put{static_cast<T*>(args.y), static_cast<const Accumulate<T>*>(args.bias),
                           static_cast<int>(n)};
    run_gemm_to(plan_gemm(args.dtype, m, n, k, tiling), m, n, k, lines_of<V, T>(args.x, k),
                lines_of<V, T>(args.weight, k), put, packs_fit<T>(n, args.y, args.bias), context);
}

/// C = A · B into a gradient [m, n] that is stored in T.
template <class T, class A, class B>
void gradient_product(DType dtype, const Gradient& gradient, int64_t m, int64_t n, int64_t k, const A& a,
                      const B& b, GemmTiling tiling, Context& context) {
    if (!gradient) return;
    const PutGradient<T> put{ValuesWriter<T>(gradient), static_cast<int>(n)};
    run_gemm_to(plan_gemm(dtype, m, n, k, tiling), m, n, k, a, b, put, packs_fit<T>(n, gradient.data),
                context);
}

template <class V, class T>
void backward(const LinearBackward& args, GemmTiling tiling, Context& context) {
    const int64_t in = args.in_features, out = args.out_features;
    gradient_product<T>(args.dtype, args.d_x, args.rows, in, out, lines_of<V, T>(args.d_y, out),
                        rows_of_depth<V, T>(args.weight, in), tiling, context);
    gradient_product<Accumulate<T>>(args.dtype, args.d_weight, out, in, args.rows,
                                    rows_of_depth<V, T>(args.d_y, out), rows_of_depth<V, T>(args.x, in),
                                    tiling, context);
    bias_gradient_of<T>(args, context);
}

template <class Args>
const char* refuses_products(const Args& args) {
    const bool fits = fits_int(args.rows * args.in_features) && fits_int(args.rows * args.out_features) &&
                      fits_int(args.in_features * args.out_features);
    return fits ? nullptr : "a matrix has 2^31 elements or more";
}

const char* refuses_packs(const LinearForward& args) {
    const int64_t size = static_cast<int64_t>(16 / size_of(args.dtype));
    if (args.in_features % size != 0) return "rows of x are no multiple of 16 bytes";
    if (!aligned(args.x, args.weight)) return "a pointer is not aligned to 16 bytes";
    return refuses_products(args);
}
const char* refuses_packs(const LinearBackward& args) {
    const int64_t size = static_cast<int64_t>(16 / size_of(args.dtype));
    if (args.in_features % size != 0) return "rows of x are no multiple of 16 bytes";
    if (args.out_features % size != 0) return "rows of y are no multiple of 16 bytes";
    if (!aligned(args.x, args.weight, args.d_y)) return "a pointer is not aligned to 16 bytes";
    return refuses_products(args);
}

template <class Args>
const char* refuses_tile(const Args& args) {
    if (args.dtype == DType::f64) return "doubles have one tile only";
    return refuses_products(args);
}

template <class Args>
const char* refuses_tensors(const Args& args) {
    if (const char* reason = refuses_tensor_cores(args.dtype)) return reason;
    return refuses_packs(args);
}
template <class Args>
const char* refuses_half_tensors(const Args& args) {
    if (const char* reason = refuses_half_tensor_cores(args.dtype)) return reason;
    return refuses_packs(args);
}

template <class T>
void run_products(const LinearForward& args, bool packs, GemmTiling tiling, Context& context) {
    with_loads<T>(packs, tiling, [&]<class V>() { forward<V, T>(args, tiling, context); });
}
template <class T>
void run_products(const LinearBackward& args, bool packs, GemmTiling tiling, Context& context) {
    with_loads<T>(packs, tiling, [&]<class V>() { backward<V, T>(args, tiling, context); });
}

template <bool packs>
constexpr auto by_shape = []<class T>(const auto& args, Context& context) {
    run_products<T>(args, packs, GemmTiling::by_shape, context);
};
template <GemmTiling tiling>
constexpr auto in_tiles = []<class T>(const auto& args, Context& context) {
    run_products<T>(args, refuses_packs(args) == nullptr, tiling, context);
};

// The rungs below

template <class Rung, class T>
void run_rung(const LinearForward& args, Context&) {
    Rung::run(matrix_of<T>(args.x, args.rows, args.in_features),
              transposed(matrix_of<T>(args.weight, args.out_features, args.in_features)),
              static_cast<const Accumulate<T>*>(args.bias), GradientWriter<T>({args.y}));
}

template <class Rung, class T>
void run_rung(const LinearBackward& args, Context& context) {
    const auto x = matrix_of<T>(args.x, args.rows, args.in_features);
    const auto weight = matrix_of<T>(args.weight, args.out_features, args.in_features);
    const auto d_y = matrix_of<T>(args.d_y, args.rows, args.out_features);
    using A = Accumulate<T>;
    const A* no_bias = nullptr;
    if (args.d_x) Rung::run(d_y, weight, no_bias, GradientWriter<T>(args.d_x));
    if (args.d_weight) Rung::run(transposed(d_y), x, no_bias, GradientWriter<A>(args.d_weight));
    bias_gradient_of<T>(args, context);
}

template <class Rung>
constexpr auto rung = []<class T>(const auto& args, Context& context) { run_rung<Rung, T>(args, context); };

template <class Args>
constexpr Implementation<Args> list[]{
    {"half_tensor_cores", refuses_half_tensors<Args>, all_types(in_tiles<GemmTiling::half_tensor>)},
    {"register_tiled", refuses_packs, all_types(by_shape<true>)},
    {"register_tiled_singles", refuses_products<Args>, all_types(by_shape<false>)},
    {"register_tiled_128x64", refuses_tile<Args>, all_types(in_tiles<GemmTiling::tile_128x64>)},
    {"register_tiled_128x32", refuses_tile<Args>, all_types(in_tiles<GemmTiling::tile_128x32>)},
    {"half_tensor_cores_128x96", refuses_half_tensors<Args>,
     all_types(in_tiles<GemmTiling::half_tensor_128x96>)},
    {"tensor_cores", refuses_tensors<Args>, computed_types(in_tiles<GemmTiling::tensor_128x64>)},
    {"tiled", refuses_nothing, all_types(rung<TiledProduct>)},
    {"naive", refuses_nothing, all_types(rung<NaiveProduct>)}};

}  // namespace

const Kernel<LinearForward> linear_forward{"linear_forward", list<LinearForward>};
const Kernel<LinearBackward> linear_backward{"linear_backward", list<LinearBackward>};

}  // namespace vitrine::VITRINE_GPU

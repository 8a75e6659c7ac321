// The linear layer: the matrix products of gemm.h with one row a sample.

#include "kernels/cpu/onednn/onednn.h"
#include "kernels/cpu/products.h"
#include "kernels/kernels.h"

namespace vitrine::cpu {
namespace {

/// A matrix [rows, columns] as images of one pixel each.
template <class T>
RowSource<T> rows_of(const void* matrix, int64_t rows, int64_t columns) {
    RowSource<T> source;
    source.pixels = static_cast<const T*>(matrix);
    source.batch = rows;
    source.grid = source.in = source.taps = source.step = {1, 1};
    source.channels = source.group_channels = columns;
    return source;
}

template <class T>
RowSink<T> rows_into(void* matrix, int64_t columns, GradMode mode) {
    RowSink<T> sink;
    sink.pixels = static_cast<T*>(matrix);
    sink.accumulate = mode == GradMode::accumulate;
    sink.grid = sink.in = sink.step = {1, 1};
    sink.channels = columns;
    return sink;
}

template <class T, class Products>
void forward_by(const LinearForward& args, const Products& products, const void* bias, Context& context) {
    const auto matrix =
        products.transposed(static_cast<const T*>(args.weight), args.in_features, args.out_features,
                            static_cast<const Accumulate<T>*>(bias), context);
    products.multiply(rows_of<T>(args.x, args.rows, args.in_features), matrix,
                      rows_into<T>(args.y, args.out_features, GradMode::write), context);
}

/// Whether the samples are so few that x and y together are small beside the weight.
bool few_samples(const LinearForward& args) {
    return 2 * args.rows * (args.in_features + args.out_features) <= args.in_features * args.out_features;
}

/// yᵀ = W · xᵀ: the weight is read where it lies, and once, where its transpose would have to be packed for few rows to be
/// multiplied by it.
template <class T>
void multiply_few(const LinearForward& args, Context& context) {
    const auto matrix = pack_transposed(static_cast<const T*>(args.x), args.in_features, args.rows,
                                        static_cast<const T*>(nullptr), context);
    T* transposed = context.scratch.take<T>(args.out_features * args.rows);
    product(rows_of<T>(args.weight, args.out_features, args.in_features), matrix,
            rows_into<T>(transposed, args.rows, GradMode::write), context);
    put_transposed(transposed, args.out_features, args.rows, static_cast<T*>(args.y));
}

template <class T>
void add_bias(const LinearForward& args) {
    const T* bias = static_cast<const T*>(args.bias);
    for_each_chunk(Chunks::of(args.rows, 16, args.rows), [&](Range range) {
        for (int64_t row = range.begin; row < range.end; ++row) {
            T* y = static_cast<T*>(args.y) + row * args.out_features;
            for (int64_t o = 0; o < args.out_features; ++o) y[o] += bias[o];
        }
    });
}

/// Either way a sum begins with its first product and the bias comes last: the bits of a sample do not depend on how many samples
/// it comes with.
template <class T>
void forward_by_vectors(const LinearForward& args, Context& context) {
    if (few_samples(args)) {
        multiply_few<T>(args, context);
    } else {
        forward_by<T>(args, ByVectors(), nullptr, context);
    }
    if (args.bias != nullptr) add_bias<T>(args);
}

template <class T, class Products>
void input_gradient(const LinearBackward& args, const Products& products, Context& context) {
    const auto matrix = products.rows(static_cast<const T*>(args.weight), args.out_features, args.in_features,
                                      args.in_features, args.rows, context);
    products.multiply(rows_of<T>(args.d_y, args.rows, args.out_features), matrix,
                      rows_into<T>(args.d_x.data, args.in_features, args.d_x.mode), context);
}

template <class T, class Products>
void weight_gradient(const LinearBackward& args, const Products& products, Context& context) {
    OuterProduct<T, T> task;
    task.source = rows_of<T>(args.x, args.rows, args.in_features);
    task.gradient = static_cast<const T*>(args.d_y);
    task.stride = task.count = args.out_features;
    task.weight = args.d_weight;
    task.bias = args.d_bias;
    products.outer(task, context);
}

template <class T, class Products>
void backward_by(const LinearBackward& args, const Products& products, Context& context) {
    if (args.d_x) input_gradient<T>(args, products, context);
    if (args.d_weight || args.d_bias) weight_gradient<T>(args, products, context);
}

constexpr auto forward = all_types([]<class T>(const LinearForward& args, Context& context) {
    if constexpr (is_half_type<T>) {
        forward_by<T>(args, ByVectors(), args.bias, context);
    } else {
        forward_by_vectors<T>(args, context);
    }
});
constexpr auto backward = all_types([]<class T>(const LinearBackward& args, Context& context) {
    backward_by<T>(args, ByVectors(), context);
});
void amx_forward(const LinearForward& args, Context& context) {
    forward_by<bf16>(args, ByTiles(), args.bias, context);
}
void amx_backward(const LinearBackward& args, Context& context) {
    backward_by<bf16>(args, ByTiles(), context);
}

constexpr Implementation<LinearForward> forward_list[]{
    {"amx", amx::refuses_all_but_bf16, amx_forward, StorageTypes::all},
    {"gemm", refuses_nothing, forward},
    {"onednn", onednn::refuses_linear_forward, onednn::run_linear_forward},
};
constexpr Implementation<LinearBackward> backward_list[]{
    {"amx", amx::refuses_all_but_bf16, amx_backward, StorageTypes::all},
    {"gemm", refuses_nothing, backward},
    {"onednn", onednn::refuses_linear_backward, onednn::run_linear_backward},
};

}  // namespace

const Kernel<LinearForward> linear_forward{"linear_forward", forward_list};
const Kernel<LinearBackward> linear_backward{"linear_backward", backward_list};

}  // namespace vitrine::cpu

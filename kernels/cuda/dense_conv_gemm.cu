// Dense convolution by implicit matrix products: the forward pass and the weight gradient. dense_conv_gemm.h
// says what is multiplied and what it costs.

#include "kernels/cuda/dense_conv_gemm.h"

#include "kernels/cuda/dense_conv_singles.h"

namespace vitrine::VITRINE_GPU {
namespace {

const char* refuses_shape(const ConvShape& s) {
    if (s.groups != 1) return "more than one group";
    const Size2 out = s.out();
    // Windows begin in the padding, and the taps of an input gradient reach beyond g: indices go as far.
    const int64_t padded =
        s.batch * (s.in.height + 2 * s.padding.height) * (s.in.width + 2 * s.padding.width) * s.in_channels;
    const int64_t reached =
        s.batch * (out.height + s.kernel.height) * (out.width + s.kernel.width) * s.out_channels;
    const bool fits = fits_int(padded) && fits_int(reached) && fits_int(s);
    return fits ? nullptr : "a tensor has 2^31 elements or more";
}

template <class... Pointers>
const char* refuses_packs_of(DType dtype, const ConvShape& shape, Pointers... pointers) {
    if (const char* reason = refuses_shape(shape)) return reason;
    if (const char* reason = refuses_packs(dtype, shape.in_channels, pointers...)) return reason;
    return refuses_packs(dtype, shape.out_channels);
}

/// The windows of the forward pass.
Windows windows_of(const ConvShape& shape) {
    const Size2 out = shape.out();
    return {{Divisor(out.height * out.width), Divisor(out.width), static_cast<int>(-shape.padding.height),
             static_cast<int>(-shape.padding.width), static_cast<int>(shape.stride.height),
             static_cast<int>(shape.stride.width)},
            {Divisor(shape.in_channels), Divisor(shape.kernel.width), 1},
            {static_cast<int>(shape.in.height), static_cast<int>(shape.in.width),
             static_cast<int>(shape.in_channels)}};
}

int64_t columns_of_windows(const ConvShape& shape) {
    return shape.kernel.height * shape.kernel.width * shape.in_channels;
}

template <class V, class T>
void forward_product(const ConvForward& args, GemmTiling tiling, Context& context) {
    const int64_t k = columns_of_windows(args.shape);
    const LinesOfWindows<PrologueSource<V, T>> windows{PrologueSource<V, T>(args.x, args.prologue),
                                                       windows_of(args.shape)};
    const LinesOfMatrix<PlainSource<V, T>> weight{{static_cast<const T*>(args.weight)}, static_cast<int>(k)};
    run_conv_output<T>(args, k, windows, weight, context, tiling);
}

const char* refuses_gathering(const ConvShape& shape, const Prologue& prologue) {
    if (const char* reason = refuses_shape(shape)) return reason;
    if (!prologue.plain()) return "a prologue, which values that are loaded one by one do not go through";
    const bool small = shape.kernel.height <= most_gathered_rows && shape.kernel.width <= most_gathered_rows;
    return small ? nullptr : "the kernel has more than 15 rows or columns";
}

template <class T>
GatheredWindows<T> gathered_windows(const void* x, const ConvShape& shape) {
    return {static_cast<const T*>(x), windows_of(shape), static_cast<int>(shape.kernel.height),
            static_cast<int>(shape.kernel.width), static_cast<int>(columns_of_windows(shape))};
}

template <class T>
void gathered_forward_product(const ConvForward& args, Context& context) {
    const int64_t k = columns_of_windows(args.shape);
    run_conv_output<T>(args, k, GatheredLinesOfWindows<T>{gathered_windows<T>(args.x, args.shape)},
                       GatheredLinesOfMatrix<T>{static_cast<const T*>(args.weight), static_cast<int>(k)},
                       context, GemmTiling::half_tensor_128x32);
}

/// An epilogue: GemmStore for a Put of the transposed product. Rows of a micro-tile in registers are neighbours in packs
/// just as columns are, so that the stores of a warp are whole sectors here, too. (With tensor cores they are not, and 8 lanes
/// have the neighbours.)
template <class T, class Put>
struct StoreTurned {
    Put put;
    bool packs;

    template <class Tile>
    __device__ __forceinline__ void operator()(const GemmPlace<T, Tile>& place,
                                               const T (&sums)[Tile::thread_rows][Tile::thread_columns],
                                               T*) const {
        using V = std::conditional_t<Tile::template neighbouring_rows<T> == 1, Single<T>, Pack<T>>;
        VITRINE_UNROLL
        for (int j = 0; j < Tile::thread_columns; ++j) {
            const int column = place.column(j);
            if (column >= place.columns) continue;
            VITRINE_UNROLL
            for (int i = 0; i < Tile::thread_rows; i += V::size) {
                V values;
                VITRINE_UNROLL
                for (int s = 0; s < V::size; ++s) values[s] = sums[i + s][j];
                store(column, place.row(i), place.rows, values);
            }
        }
    }

  private:
    template <class V>
    __device__ __forceinline__ void store(int column, int row, int rows, const V& values) const {
        if (packs) {
            if (row < rows) put(column, row, values);
            return;
        }
        VITRINE_UNROLL
        for (int s = 0; s < V::size; ++s) {
            if (row + s < rows) put(column, row + s, Single<T>{values[s]});
        }
    }
};

/// Whether windowsᵀ · g wastes less than gᵀ · windows: tiles have at least 64 rows, but only 32 columns, so
/// the 16 or 32 channels of a first block had better be columns.
bool better_turned(int64_t channels, int64_t columns) {
    const auto area = [](int64_t m, int64_t n) {
        return divide_up(m, int64_t{64}) * 64 * divide_up(n, int64_t{32}) * 32;
    };
    return area(columns, channels) < area(channels, columns);
}

/// d_weight as the transpose of windowsᵀ · g; see run_gemm_to, which does the same for the product itself.
template <class A, class B>
void run_turned(const ConvBackward& args, const A& windows, const B& g, const GemmPlan& plan,
                Context& context) {
    using T = typename A::Element;
    const int64_t channels = args.shape.out_channels, columns = columns_of_windows(args.shape);
    const int64_t pixels = args.shape.out_pixels();
    const bool packs = packs_fit<T>(columns, args.d_weight.data);
    const PutGradient<T> put{ValuesWriter<T>(args.d_weight), static_cast<int>(columns)};
    if (plan.splits == 1) {
        run_gemm(plan, columns, channels, pixels, windows, g, StoreTurned<T, PutGradient<T>>{put, packs});
        return;
    }
    const int64_t row_length = divide_up(columns, Pack<T>::size) * Pack<T>::size;
    T* partials = context.scratch.take<T>(plan.splits * channels * row_length);
    const PutPartial<T> put_partial{partials, static_cast<int>(row_length), channels * row_length};
    run_gemm(plan, columns, channels, pixels, windows, g, StoreTurned<T, PutPartial<T>>{put_partial, true});
    run_sum_splits(partials, plan.splits, channels, columns, row_length, packs, put);
}

/// k are the output pixels, far more than rows and columns: split among the blocks.
template <class V, class T>
void weight_gradient(const ConvBackward& args, GemmTiling tiling, Context& context) {
    if (!args.d_weight) return;
    const ConvShape& shape = args.shape;
    const int64_t channels = shape.out_channels, columns = columns_of_windows(shape);
    const RowsOfDepth<UpstreamSource<V, T>> g{UpstreamSource<V, T>(args), static_cast<int>(channels)};
    const DepthsOfWindows<PrologueSource<V, T>> windows{PrologueSource<V, T>(args.x, args.prologue),
                                                        windows_of(shape)};
    if (!better_turned(channels, columns)) {
        run_conv_weight_gradient(args, columns, g, windows, context, tiling);
        return;
    }
    run_turned(args, windows, g, plan_gemm(args.dtype, columns, channels, shape.out_pixels(), tiling),
               context);
}

/// Transposed, whatever the shape: it is small in both directions.
template <class T>
void gathered_weight_gradient(const ConvBackward& args, Context& context) {
    if (!args.d_weight) return;
    const int64_t channels = args.shape.out_channels;
    const RowsOfDepth<UpstreamSource<Pack<T>, T>> g{UpstreamSource<Pack<T>, T>(args),
                                                    static_cast<int>(channels)};
    const GatheredDepthsOfWindows<T> windows{gathered_windows<T>(args.x, args.shape)};
    run_turned(args, windows, g,
               plan_gemm(args.dtype, columns_of_windows(args.shape), channels, args.shape.out_pixels(),
                         GemmTiling::half_tensor_32x32),
               context);
}

/// Calls f.operator()<T>() if T has 16 bits, as the tilings for gathered values need.
template <class F>
void with_halves(DType dtype, F&& f) {
    dispatch_storage(dtype, [&]<class T>() {
        if constexpr (is_half_type<T>) f.template operator()<T>();
    });
}

}  // namespace

const char* refuses_dense_products(const ConvForward& args) { return refuses_shape(args.shape); }
const char* refuses_dense_products(const ConvBackward& args) { return refuses_shape(args.shape); }

const char* refuses_dense_packs(const ConvForward& args) {
    return refuses_packs_of(args.dtype, args.shape, args.x, args.weight, args.prologue.scale,
                            args.prologue.shift);
}
const char* refuses_dense_packs(const ConvBackward& args) {
    return refuses_packs_of(args.dtype, args.shape, args.x, args.weight, args.prologue.scale,
                            args.prologue.shift, args.d_y, args.y, args.mean, args.d_mean, args.d_m2);
}

const char* refuses_dense_singles(const ConvForward& args) {
    return refuses_gathering(args.shape, args.prologue);
}
const char* refuses_dense_singles(const ConvBackward& args) {
    if (const char* reason = refuses_gathering(args.shape, args.prologue)) return reason;
    return refuses_packs(args.dtype, args.shape.out_channels, args.d_y, args.y, args.mean, args.d_mean,
                         args.d_m2);
}

void dense_forward_products(const ConvForward& args, bool packs, GemmTiling tiling, Context& context) {
    dispatch_storage(args.dtype, [&]<class T>() {
        with_loads<T>(packs, tiling, [&]<class V>() { forward_product<V, T>(args, tiling, context); });
    });
}

void dense_backward_products(const ConvBackward& args, bool packs, GemmTiling tiling, Context& context) {
    dense_input_gradients(args, packs, tiling, context);
    dispatch_storage(args.dtype, [&]<class T>() {
        with_loads<T>(packs, tiling, [&]<class V>() { weight_gradient<V, T>(args, tiling, context); });
    });
    bias_gradient(args, context);
}

void dense_forward_singles(const ConvForward& args, Context& context) {
    with_halves(args.dtype, [&]<class T>() { gathered_forward_product<T>(args, context); });
}

void dense_backward_singles(const ConvBackward& args, Context& context) {
    dense_input_gradients(args, false, GemmTiling::by_shape, context);
    with_halves(args.dtype, [&]<class T>() { gathered_weight_gradient<T>(args, context); });
    bias_gradient(args, context);
}

}  // namespace vitrine::VITRINE_GPU

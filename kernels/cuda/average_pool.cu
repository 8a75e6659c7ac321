// Average pooling: y = Σ window / (kernel.height · kernel.width), padding counted as zeros.
//
// Bytes that must move: forward x + y, backward d_y + d_x. A window of kernel² pixels that moves by stride
// reads each pixel kernel² / stride² times; what is read again comes from the caches.
//
//     elements   one thread an element of y (backward: of x), a look at the edges for each pixel. A warp asks
//                for 128 consecutive bytes if there are 32 channels or more
//     packs      one thread 16 bytes of channels: a quarter of the requests and of the index arithmetic,
//                which is the real work here; windows are cut at the edges once, before the loop; 32-bit
//                indices, since a division of 64 bits takes as long as a dozen loads
//
// Backward gathers: each element of x adds up the shares of the windows that read it. Nothing is scattered,
// so nothing needs an atomic, and the order of the sum is always the same.

#include "kernels/cuda/gpu.h"
#include "kernels/cuda/pack_gradient.h"
#include "kernels/cuda/windows.h"

namespace vitrine::VITRINE_GPU {
namespace {

constexpr int threads = 256;
// At least so many on a multiprocessor: 64 registers a thread, which is enough.
constexpr int blocks_of_packs = 4;

// The naive rung.

template <class T>
__global__ void __launch_bounds__(threads)
    average_elements(PoolWindows<int64_t> windows, ReadOnly<T> x, T* y, int64_t count) {
    const int64_t i = thread_index();
    if (i >= count) return;
    const Place<int64_t> at = windows.output(i);
    const WindowAxis<int64_t>&height = windows.height, &width = windows.width;
    using A = Accumulate<T>;
    A sum = A(0);
    for (int64_t p = 0; p < height.kernel; ++p) {
        A row_sum = A(0);
        for (int64_t q = 0; q < width.kernel; ++q) {
            const int64_t row = at.row * height.stride + p - height.padding;
            const int64_t column = at.column * width.stride + q - width.padding;
            if (row < 0 || row >= height.in || column < 0 || column >= width.in) continue;
            row_sum += load_value(x + windows.x_index(at, row, column));
        }
        sum += row_sum;
    }
    store_value(y + i, sum / static_cast<A>(height.kernel * width.kernel));
}

template <class T>
__global__ void __launch_bounds__(threads)
    share_elements(PoolWindows<int64_t> windows, ReadOnly<T> d_y, GradientWriter<T> d_x, int64_t count) {
    const int64_t i = thread_index();
    if (i >= count) return;
    const Place<int64_t> at = windows.input(i);
    const Range<int64_t> rows = windows.height.windows_over(at.row);
    const Range<int64_t> columns = windows.width.windows_over(at.column);
    using A = Accumulate<T>;
    A sum = A(0);
    for (int64_t row = rows.begin; row < rows.end; ++row) {
        for (int64_t column = columns.begin; column < columns.end; ++column) {
            sum += load_value(d_y + windows.y_index(at, row, column));
        }
    }
    d_x(i, sum / static_cast<A>(windows.height.kernel * windows.width.kernel));
}

// The fast rung: indices count packs.

template <class T>
__device__ __forceinline__ void add(Pack<T>& sum, const Pack<T>& values) {
    VITRINE_UNROLL
    for (int k = 0; k < Pack<T>::size; ++k) sum[k] += values[k];
}

template <class T>
__device__ __forceinline__ void divide(Pack<T>& sum, Accumulate<T> divisor) {
    VITRINE_UNROLL
    for (int k = 0; k < Pack<T>::size; ++k) sum[k] /= divisor;
}

/// The sum over rows × columns of packs; `pack_at(row, column)` loads one. A row has a sum of its own, so
/// that rounding errors grow with its length and the number of rows, not with their product.
template <class T, class PackAt>
__device__ __forceinline__ Pack<T> sum_packs(Range<int> rows, Range<int> columns, PackAt pack_at) {
    Pack<T> sum{};
    for (int row = rows.begin; row < rows.end; ++row) {
        Pack<T> row_sum{};
        for (int column = columns.begin; column < columns.end; ++column) add(row_sum, pack_at(row, column));
        add(sum, row_sum);
    }
    return sum;
}

template <class T>
__global__ void __launch_bounds__(threads)
    average_packs(PoolWindows<int> windows, ReadOnly<T> x, T* y, int count) {
    const int64_t i = thread_index();
    if (i >= count) return;
    const Place<int> at = windows.output(static_cast<int>(i));
    Pack<T> sum = sum_packs<T>(windows.height.pixels_of(at.row), windows.width.pixels_of(at.column),
                               [&](int row, int column) {
                                   const int64_t pack = windows.x_index(at, row, column);
                                   return load_pack(x + pack * Pack<T>::size);
                               });
    divide(sum, static_cast<Accumulate<T>>(int64_t{windows.height.kernel} * windows.width.kernel));
    store_pack(y + i * Pack<T>::size, sum);
}

template <class T>
__global__ void __launch_bounds__(threads, blocks_of_packs)
    share_packs(PoolWindows<int> windows, ReadOnly<T> d_y, PackGradient<T> d_x, int count) {
    const int64_t i = thread_index();
    if (i >= count) return;
    const Place<int> at = windows.input(static_cast<int>(i));
    Pack<T> sum = sum_packs<T>(windows.height.windows_over(at.row), windows.width.windows_over(at.column),
                               [&](int row, int column) {
                                   const int64_t pack = windows.y_index(at, row, column);
                                   return load_pack(d_y + pack * Pack<T>::size);
                               });
    divide(sum, static_cast<Accumulate<T>>(int64_t{windows.height.kernel} * windows.width.kernel));
    d_x.put(i * Pack<T>::size, sum);
}

// The host's side.

const char* refuses_forward(const AveragePoolForward& args) {
    return refuses_channel_packs(args.dtype, args.shape, args.x, args.y);
}

const char* refuses_backward(const AveragePoolBackward& args) {
    return refuses_channel_packs(args.dtype, args.shape, args.d_y, args.d_x.data);
}

constexpr auto run_elements = all_types([]<class T>(const AveragePoolForward& args, Context&) {
    const int64_t count = y_count(args.shape);
    if (count == 0) return;
    launch(average_elements<T>, blocks_for(count, threads), threads, 0, stream(),
           PoolWindows<int64_t>(args.shape, 1), static_cast<const T*>(args.x), static_cast<T*>(args.y),
           count);
});

constexpr auto run_packs = all_types([]<class T>(const AveragePoolForward& args, Context&) {
    if (y_count(args.shape) == 0) return;
    const int64_t count = y_count(args.shape) / Pack<T>::size;
    launch(average_packs<T>, blocks_for(count, threads), threads, 0, stream(),
           PoolWindows<int>(args.shape, Pack<T>::size), static_cast<const T*>(args.x),
           static_cast<T*>(args.y), static_cast<int>(count));
});

constexpr auto run_backward_elements = all_types([]<class T>(const AveragePoolBackward& args, Context&) {
    const int64_t count = x_count(args.shape);
    if (!args.d_x || count == 0) return;
    launch(share_elements<T>, blocks_for(count, threads), threads, 0, stream(),
           PoolWindows<int64_t>(args.shape, 1), static_cast<const T*>(args.d_y), GradientWriter<T>(args.d_x),
           count);
});

constexpr auto run_backward_packs = all_types([]<class T>(const AveragePoolBackward& args, Context&) {
    if (!args.d_x || x_count(args.shape) == 0) return;
    const int64_t count = x_count(args.shape) / Pack<T>::size;
    launch(share_packs<T>, blocks_for(count, threads), threads, 0, stream(),
           PoolWindows<int>(args.shape, Pack<T>::size), static_cast<const T*>(args.d_y),
           PackGradient<T>(args.d_x), static_cast<int>(count));
});

constexpr Implementation<AveragePoolForward> forward_list[]{{"packs", refuses_forward, run_packs},
                                                            {"elements", refuses_nothing, run_elements}};
constexpr Implementation<AveragePoolBackward> backward_list[]{
    {"packs", refuses_backward, run_backward_packs}, {"elements", refuses_nothing, run_backward_elements}};

}  // namespace

const Kernel<AveragePoolForward> average_pool_forward{"average_pool_forward", forward_list};
const Kernel<AveragePoolBackward> average_pool_backward{"average_pool_backward", backward_list};

}  // namespace vitrine::VITRINE_GPU

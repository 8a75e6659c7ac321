// Max pooling. Forward leaves beside each maximum where it was; backward takes the gradient there.
//
// Bytes that must move, for f32: forward x + 2 · y (the index is as large as y), backward 2 · d_y + d_x. A
// window of kernel² pixels that moves by stride reads each pixel kernel² / stride² times; what is read again
// comes from the caches.
//
//     elements   one thread an element of y (backward: of x), a look at the edges for each pixel
//     packs      one thread 16 bytes of channels, and as many indices at once: a quarter of the requests and
//                of the index arithmetic; windows are cut at the edges once; 32-bit indices
//
// Backward gathers: an element of x looks at the windows that read it, and adds the gradients of those that
// it won. A scatter from y would need atomics, since a pixel can win several windows, and a pass of zeros
// before it; the gather reads kernel² / stride² indices an element from the cache instead, and always adds
// in the same order.

#include "kernels/cuda/gpu.h"
#include "kernels/cuda/pack_gradient.h"
#include "kernels/cuda/windows.h"

namespace vitrine::VITRINE_GPU {
namespace {

constexpr int threads = 256;
// At least so many on a multiprocessor: 64 registers a thread, which is enough, or 80 for doubles. In single
// values ptxas chooses (0), but for doubles, which it would spill on 12.0.
template <class T>
constexpr int blocks_of_packs = sizeof(T) == 8 ? 3 : 4;
template <class T>
constexpr int blocks_of_elements = sizeof(T) == 8 ? 3 : 0;

/// Larger, or the first NaN: "not ≤" is true with a NaN on either side. Of equal values the first stays.
template <class T>
__device__ __forceinline__ bool beats(T challenger, T champion) {
    return champion == champion && !(challenger <= champion);
}

// The naive rung.

template <class T>
__global__ void __launch_bounds__(threads)
    maximum_elements(PoolWindows<int64_t> windows, ReadOnly<T> x, T* y, int32_t* index, int64_t count) {
    const int64_t i = thread_index();
    if (i >= count) return;
    const Place<int64_t> at = windows.output(i);
    const WindowAxis<int64_t>&height = windows.height, &width = windows.width;
    Accumulate<T> champion = 0;
    int64_t winner = -1;  // none yet
    for (int64_t p = 0; p < height.kernel; ++p) {
        for (int64_t q = 0; q < width.kernel; ++q) {
            const int64_t row = at.row * height.stride + p - height.padding;
            const int64_t column = at.column * width.stride + q - width.padding;
            if (row < 0 || row >= height.in || column < 0 || column >= width.in) continue;
            const Accumulate<T> value = load_value(x + windows.x_index(at, row, column));
            if (winner >= 0 && !beats(value, champion)) continue;
            champion = value;
            winner = row * width.in + column;
        }
    }
    store_value(y + i, champion);
    index[i] = static_cast<int32_t>(winner);
}

template <class T>
__global__ void __launch_bounds__(threads, blocks_of_elements<T>)
    gather_elements(PoolWindows<int64_t> windows, ReadOnly<int32_t> index, ReadOnly<T> d_y,
                    GradientWriter<T> d_x, int64_t count) {
    const int64_t i = thread_index();
    if (i >= count) return;
    const Place<int64_t> at = windows.input(i);
    const int64_t me = at.row * windows.width.in + at.column;
    const Range<int64_t> rows = windows.height.windows_over(at.row);
    const Range<int64_t> columns = windows.width.windows_over(at.column);
    Accumulate<T> sum = 0;
    for (int64_t row = rows.begin; row < rows.end; ++row) {
        for (int64_t column = columns.begin; column < columns.end; ++column) {
            const int64_t window = windows.y_index(at, row, column);
            if (index[window] == me) sum += load_value(d_y + window);
        }
    }
    d_x(i, sum);
}

// The fast rung: indices count packs.

/// As many indices as a pack of T has values.
template <class T>
struct Winners {
    int pixel[static_cast<size_t>(Pack<T>::size)];
};

template <class T>
__device__ __forceinline__ void store_winners(int32_t* to, const Winners<T>& winners) {
    const auto& pixel = winners.pixel;
    if constexpr (Pack<T>::size == 2) {
        *reinterpret_cast<int2*>(to) = make_int2(pixel[0], pixel[1]);
    } else {
        VITRINE_UNROLL
        for (int k = 0; k < Pack<T>::size; k += 4)
            *reinterpret_cast<int4*>(to + k) = make_int4(pixel[k], pixel[k + 1], pixel[k + 2], pixel[k + 3]);
    }
}
template <class T>
__device__ __forceinline__ Winners<T> load_winners(ReadOnly<int32_t> from) {
    if constexpr (Pack<T>::size == 2) {
        const int2 v = load_as<int2>(from);
        return {{v.x, v.y}};
    } else {
        Winners<T> winners;
        VITRINE_UNROLL
        for (int k = 0; k < Pack<T>::size; k += 4) {
            const int4 v = load_as<int4>(from + k);
            winners.pixel[k] = v.x;
            winners.pixel[k + 1] = v.y;
            winners.pixel[k + 2] = v.z;
            winners.pixel[k + 3] = v.w;
        }
        return winners;
    }
}

template <class T>
__global__ void __launch_bounds__(threads)
    maximum_packs(PoolWindows<int> windows, ReadOnly<T> x, T* y, int32_t* index, int count) {
    constexpr int size = Pack<T>::size;
    const int64_t i = thread_index();
    if (i >= count) return;
    const Place<int> at = windows.output(static_cast<int>(i));
    const Range<int> rows = windows.height.pixels_of(at.row);
    const Range<int> columns = windows.width.pixels_of(at.column);
    // The first pixel is the champion to begin with. No window is all padding.
    Pack<T> champion = load_pack(x + int64_t{windows.x_index(at, rows.begin, columns.begin)} * size);
    Winners<T> winners;
    VITRINE_UNROLL
    for (int k = 0; k < size; ++k) winners.pixel[k] = rows.begin * windows.width.in + columns.begin;
    for (int row = rows.begin; row < rows.end; ++row) {
        for (int column = columns.begin; column < columns.end; ++column) {
            const Pack<T> value = load_pack(x + int64_t{windows.x_index(at, row, column)} * size);
            const int pixel = row * windows.width.in + column;
            VITRINE_UNROLL
            for (int k = 0; k < size; ++k) {
                const bool wins = beats(value[k], champion[k]);
                champion[k] = wins ? value[k] : champion[k];
                winners.pixel[k] = wins ? pixel : winners.pixel[k];
            }
        }
    }
    store_pack(y + i * size, champion);
    store_winners(index + i * size, winners);
}

template <class T>
__global__ void __launch_bounds__(threads, blocks_of_packs<T>)
    gather_packs(PoolWindows<int> windows, ReadOnly<int32_t> index, ReadOnly<T> d_y, PackGradient<T> d_x,
                 int count) {
    constexpr int size = Pack<T>::size;
    const int64_t i = thread_index();
    if (i >= count) return;
    const Place<int> at = windows.input(static_cast<int>(i));
    const int me = at.row * windows.width.in + at.column;
    const Range<int> rows = windows.height.windows_over(at.row);
    const Range<int> columns = windows.width.windows_over(at.column);
    Pack<T> sum{};
    for (int row = rows.begin; row < rows.end; ++row) {
        for (int column = columns.begin; column < columns.end; ++column) {
            const int64_t window = windows.y_index(at, row, column);
            const Winners<T> winners = load_winners<T>(index + window * size);
            const Pack<T> upstream = load_pack(d_y + window * size);
            VITRINE_UNROLL
            for (int k = 0; k < size; ++k) sum[k] += winners.pixel[k] == me ? upstream[k] : Accumulate<T>(0);
        }
    }
    d_x.put(i * size, sum);
}

// The host's side.

const char* refuses_forward(const MaxPoolForward& args) {
    return refuses_channel_packs(args.dtype, args.shape, args.x, args.y, args.index);
}

const char* refuses_backward(const MaxPoolBackward& args) {
    return refuses_channel_packs(args.dtype, args.shape, args.index, args.d_y, args.d_x.data);
}

constexpr auto run_elements = all_types([]<class T>(const MaxPoolForward& args, Context&) {
    const int64_t count = y_count(args.shape);
    if (count == 0) return;
    launch(maximum_elements<T>, blocks_for(count, threads), threads, 0, stream(),
           PoolWindows<int64_t>(args.shape, 1), static_cast<const T*>(args.x), static_cast<T*>(args.y),
           args.index, count);
});

constexpr auto run_packs = all_types([]<class T>(const MaxPoolForward& args, Context&) {
    if (y_count(args.shape) == 0) return;
    const int64_t count = y_count(args.shape) / Pack<T>::size;
    launch(maximum_packs<T>, blocks_for(count, threads), threads, 0, stream(),
           PoolWindows<int>(args.shape, Pack<T>::size), static_cast<const T*>(args.x),
           static_cast<T*>(args.y), args.index, static_cast<int>(count));
});

constexpr auto run_backward_elements = all_types([]<class T>(const MaxPoolBackward& args, Context&) {
    const int64_t count = x_count(args.shape);
    if (!args.d_x || count == 0) return;
    launch(gather_elements<T>, blocks_for(count, threads), threads, 0, stream(),
           PoolWindows<int64_t>(args.shape, 1), args.index, static_cast<const T*>(args.d_y),
           GradientWriter<T>(args.d_x), count);
});

constexpr auto run_backward_packs = all_types([]<class T>(const MaxPoolBackward& args, Context&) {
    if (!args.d_x || x_count(args.shape) == 0) return;
    const int64_t count = x_count(args.shape) / Pack<T>::size;
    launch(gather_packs<T>, blocks_for(count, threads), threads, 0, stream(),
           PoolWindows<int>(args.shape, Pack<T>::size), args.index, static_cast<const T*>(args.d_y),
           PackGradient<T>(args.d_x), static_cast<int>(count));
});

constexpr Implementation<MaxPoolForward> forward_list[]{{"packs", refuses_forward, run_packs},
                                                        {"elements", refuses_nothing, run_elements}};
constexpr Implementation<MaxPoolBackward> backward_list[]{
    {"packs", refuses_backward, run_backward_packs}, {"elements", refuses_nothing, run_backward_elements}};

}  // namespace

const Kernel<MaxPoolForward> max_pool_forward{"max_pool_forward", forward_list};
const Kernel<MaxPoolBackward> max_pool_backward{"max_pool_backward", backward_list};

}  // namespace vitrine::VITRINE_GPU

// Addition: the shortest kernel, and the pattern of the others.
//
// It only moves memory: 12 bytes for each element forward (read a, read b, write y). What decides is that
// every access of a warp is whole: `packs` moves 16 bytes a thread, so a warp's request is 512 consecutive
// bytes, and each thread has several requests under way.

#include "kernels/cuda/gpu.h"

namespace vitrine::VITRINE_GPU {
namespace {

constexpr int threads = 256;

// Forward, the naive rung: one thread an element.

template <class T>
__global__ void __launch_bounds__(threads) add_elements(const T* a, const T* b, T* y, int64_t count) {
    const int64_t i = thread_index();
    if (i < count) store_value(y + i, load_value(a + i) + load_value(b + i));
}

// Forward, the fast rung: one thread a pack; the last count % size elements go to the first threads.

template <class T>
__global__ void __launch_bounds__(threads) add_packs(const T* a, const T* b, T* y, int64_t count) {
    constexpr int size = Pack<T>::size;
    const int64_t packs = count / size;
    const int64_t i = thread_index();
    if (i < packs) {
        const Pack<T> left = load_pack(a + i * size);
        const Pack<T> right = load_pack(b + i * size);
        Pack<T> sum;
        VITRINE_UNROLL
        for (int k = 0; k < size; ++k) sum[k] = left[k] + right[k];
        store_pack(y + i * size, sum);
    }
    const int64_t rest = packs * size + i;
    if (rest < count) store_value(y + rest, load_value(a + rest) + load_value(b + rest));
}

const char* refuses_unaligned(const AddForward& args) {
    return aligned(args.a, args.b, args.y) ? nullptr : "a pointer is not aligned to 16 bytes";
}

constexpr auto run_elements = all_types([]<class T>(const AddForward& args, Context&) {
    if (args.count == 0) return;
    launch(add_elements<T>, blocks_for(args.count, threads), threads, 0, stream(),
           static_cast<const T*>(args.a), static_cast<const T*>(args.b), static_cast<T*>(args.y), args.count);
});

constexpr auto run_packs = all_types([]<class T>(const AddForward& args, Context&) {
    if (args.count == 0) return;
    launch(add_packs<T>, blocks_for(divide_up(args.count, Pack<T>::size), threads), threads, 0, stream(),
           static_cast<const T*>(args.a), static_cast<const T*>(args.b), static_cast<T*>(args.y), args.count);
});

// Backward: d_y goes to both sides.

template <class T>
__global__ void __launch_bounds__(threads)
    copy_gradient(ReadOnly<T> d_y, GradientWriter<T> d_a, GradientWriter<T> d_b, int64_t count) {
    const int64_t i = thread_index();
    if (i >= count) return;
    const Accumulate<T> upstream = load_value(d_y + i);
    if (d_a) d_a(i, upstream);
    if (d_b) d_b(i, upstream);
}

constexpr auto run_backward = all_types([]<class T>(const AddBackward& args, Context&) {
    if (args.count == 0) return;
    launch(copy_gradient<T>, blocks_for(args.count, threads), threads, 0, stream(),
           static_cast<const T*>(args.d_y), GradientWriter<T>(args.d_a), GradientWriter<T>(args.d_b),
           args.count);
});

constexpr Implementation<AddForward> forward_list[]{{"packs", refuses_unaligned, run_packs},
                                                    {"elements", refuses_nothing, run_elements}};
constexpr Implementation<AddBackward> backward_list[]{{"elements", refuses_nothing, run_backward}};

}  // namespace

const Kernel<AddForward> add_forward{"add_forward", forward_list};
const Kernel<AddBackward> add_backward{"add_backward", backward_list};

}  // namespace vitrine::VITRINE_GPU

// The norm of all gradients of a model, in two launches: each block sums the squares of its elements, then one
// block adds up the blocks' sums and takes the root.
//
// Each element is read once. MobileNetV2's 3.5 million gradients are 14 MB: 5 µs at 3 TB/s.
//
//     elements   a thread sums several squares, 256 elements apart
//     packs      the same with 16 bytes an access, all of them under way at once
//
// A thread sums its own squares in T, at most 16 of them, and everything from there on is added in f64: a
// few operations a thread, which a GPU with few f64 units does not feel either. No atomics: which numbers are
// added in which order follows from the count.

#include <cmath>

#include "kernels/cuda/block_reduce.h"

namespace vitrine::VITRINE_GPU {
namespace {

constexpr int threads = 256;
constexpr int accesses_under_way = 4;  // of each thread

// First launch: partials[block] is the sum of the squares of a block's elements.

/// A block takes threads · accesses_under_way neighbouring elements.
template <class T>
__global__ void __launch_bounds__(threads) sum_elements(const T* data, int64_t count, double* partials) {
    const int64_t first = int64_t{blockIdx.x} * (threads * accesses_under_way) + threadIdx.x;
    T squares = T(0);
    VITRINE_UNROLL
    for (int k = 0; k < accesses_under_way; ++k) {
        const int64_t i = first + k * threads;
        if (i < count) squares = multiply_add(data[i], data[i], squares);
    }
    const double sum = reduce_block<threads>(static_cast<double>(squares), Add());
    if (threadIdx.x == 0) partials[blockIdx.x] = sum;
}

/// A block takes threads · accesses_under_way neighbouring packs. The last count % size elements go to the
/// first threads of the grid.
template <class T>
__global__ void __launch_bounds__(threads) sum_packs(const T* data, int64_t count, double* partials) {
    constexpr int size = Pack<T>::size;
    const int64_t first = int64_t{blockIdx.x} * (threads * accesses_under_way) + threadIdx.x;
    const int64_t packs = count / size;
    Pack<T> own[accesses_under_way];
    VITRINE_UNROLL
    for (int k = 0; k < accesses_under_way; ++k) {
        const int64_t i = first + k * threads;
        own[k] = i < packs ? load_pack(data + i * size) : Pack<T>{};
    }
    T squares = T(0);
    VITRINE_UNROLL
    for (int k = 0; k < accesses_under_way; ++k) {
        VITRINE_UNROLL
        for (int j = 0; j < size; ++j) squares = multiply_add(own[k][j], own[k][j], squares);
    }
    const int64_t rest = packs * size + thread_index();
    if (rest < count) squares = multiply_add(data[rest], data[rest], squares);
    const double sum = reduce_block<threads>(static_cast<double>(squares), Add());
    if (threadIdx.x == 0) partials[blockIdx.x] = sum;
}

// Second launch, of one block.

template <class T>
__global__ void __launch_bounds__(threads) finish_norm(ReadOnly<double> partials, int64_t count, T* norm) {
    double own = 0;
    for (int64_t i = threadIdx.x; i < count; i += threads) own += partials[i];
    const double sum = reduce_block<threads>(own, Add());
    if (threadIdx.x == 0) *norm = static_cast<T>(std::sqrt(sum));
}

// The host's side.

const char* refuses_unaligned(const L2Norm& args) {
    return aligned(args.data) ? nullptr : "a pointer is not aligned to 16 bytes";
}

/// `kernel` reads `size` elements with an access.
template <class T>
void run(const L2Norm& args, Context& context, int size, void (*kernel)(const T*, int64_t, double*)) {
    const int64_t blocks = divide_up(args.count, int64_t{threads} * accesses_under_way * size);
    double* partials = context.scratch.take<double>(blocks);
    if (blocks > 0) {
        launch(kernel, blocks_for(blocks, 1), threads, 0, stream(), static_cast<const T*>(args.data),
               args.count, partials);
    }
    launch(finish_norm<T>, 1, threads, 0, stream(), partials, blocks, static_cast<T*>(args.norm));
}

constexpr auto run_elements = computed_types(
    []<class T>(const L2Norm& args, Context& context) { run<T>(args, context, 1, sum_elements<T>); });

constexpr auto run_packs = computed_types([]<class T>(const L2Norm& args, Context& context) {
    run<T>(args, context, Pack<T>::size, sum_packs<T>);
});

constexpr Implementation<L2Norm> norm_list[]{{"packs", refuses_unaligned, run_packs},
                                             {"elements", refuses_nothing, run_elements}};

}  // namespace

const Kernel<L2Norm> l2_norm{"l2_norm", norm_list};

}  // namespace vitrine::VITRINE_GPU

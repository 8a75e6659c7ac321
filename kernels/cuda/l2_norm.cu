// The norm of all gradients of a model, in two launches: each block sums the squares of its elements
// (tensor_table.h), then one block adds up the blocks' sums and takes the root.
//
// Each element is read once. MobileNetV2's 3.5 million gradients are 14 MB: 5 µs at 3 TB/s.
//
//     elements   a thread sums several squares, 256 elements apart
//     packs      the same with 16 bytes an access, all of them under way at once
//
// A thread sums its own squares in T, at most 16 of them, and everything from there on is added in f64: a
// few operations a thread, which a GPU with few f64 units does not feel either. No atomics: which numbers are
// added in which order follows from the counts.

#include <cmath>

#include "kernels/cuda/block_reduce.h"
#include "kernels/cuda/tensor_table.h"

namespace vitrine::VITRINE_GPU {
namespace {

constexpr int threads = 256;
constexpr int accesses_under_way = 4;  // of each thread

/// A line of the table.
template <class T>
struct Entry {
    const T* data;
    int64_t count;
    int64_t first_block;
};

// First launch: partials[block] is the sum of the squares of a block's elements.

/// A block takes threads · accesses_under_way neighbouring elements.
template <class T>
__global__ void __launch_bounds__(threads) sum_elements(const Entry<T>* table, int lines, double* partials) {
    const Entry<T> entry = own_line(table, lines);
    const int64_t block = int64_t{blockIdx.x} - entry.first_block;
    const int64_t first = block * (threads * accesses_under_way) + threadIdx.x;
    T squares = T(0);
    VITRINE_UNROLL
    for (int k = 0; k < accesses_under_way; ++k) {
        const int64_t i = first + k * threads;
        if (i < entry.count) squares = multiply_add(entry.data[i], entry.data[i], squares);
    }
    const double sum = reduce_block<threads>(static_cast<double>(squares), Add());
    if (threadIdx.x == 0) partials[blockIdx.x] = sum;
}

/// A block takes threads · accesses_under_way neighbouring packs. A tensor's last count % size elements go to
/// the first threads of its last block.
template <class T>
__global__ void __launch_bounds__(threads) sum_packs(const Entry<T>* table, int lines, double* partials) {
    constexpr int size = Pack<T>::size;
    const Entry<T> entry = own_line(table, lines);
    const int64_t block = int64_t{blockIdx.x} - entry.first_block;
    const int64_t first = block * (threads * accesses_under_way) + threadIdx.x;
    const int64_t packs = entry.count / size;
    Pack<T> data[accesses_under_way];
    VITRINE_UNROLL
    for (int k = 0; k < accesses_under_way; ++k) {
        const int64_t i = first + k * threads;
        data[k] = i < packs ? load_pack(entry.data + i * size) : Pack<T>{};
    }
    T squares = T(0);
    VITRINE_UNROLL
    for (int k = 0; k < accesses_under_way; ++k) {
        VITRINE_UNROLL
        for (int j = 0; j < size; ++j) squares = multiply_add(data[k][j], data[k][j], squares);
    }
    const bool last_block = packs - block * (threads * accesses_under_way) < threads * accesses_under_way;
    const int64_t rest = packs * size + threadIdx.x;
    if (last_block && rest < entry.count) {
        squares = multiply_add(entry.data[rest], entry.data[rest], squares);
    }
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
    for (const L2NormPart& part : args.parts) {
        if (!aligned(part.data)) return "a pointer is not aligned to 16 bytes";
    }
    return nullptr;
}

/// Launches `kernel` with as many blocks as all parts need, each thread's access being `size` elements, and
/// the finish.
template <class T>
void run_with_table(const L2Norm& args, Context& context, int size,
                    void (*kernel)(const Entry<T>*, int, double*)) {
    std::vector<Entry<T>> entries;
    for (const L2NormPart& part : args.parts) {
        entries.push_back({static_cast<const T*>(part.data), part.count, /*first_block=*/0});
    }
    const int64_t block_elements = int64_t{threads} * accesses_under_way * size;
    const auto table = upload_table(std::move(entries), block_elements, context);
    double* partials = context.scratch.take<double>(table.blocks);
    if (table.count > 0) {
        launch(kernel, blocks_for(table.blocks, 1), threads, 0, stream(), table.lines, table.count, partials);
    }
    launch(finish_norm<T>, 1, threads, 0, stream(), partials, table.blocks, static_cast<T*>(args.norm));
}

void run_elements(const L2Norm& args, Context& context) {
    dispatch_float(args.dtype, [&]<class T>() { run_with_table<T>(args, context, 1, sum_elements<T>); });
}

void run_packs(const L2Norm& args, Context& context) {
    dispatch_float(args.dtype,
                   [&]<class T>() { run_with_table<T>(args, context, Pack<T>::size, sum_packs<T>); });
}

constexpr Implementation<L2Norm> norm_list[]{{"packs", refuses_unaligned, run_packs},
                                             {"elements", refuses_nothing, run_elements}};

}  // namespace

const Kernel<L2Norm> l2_norm{"l2_norm", norm_list};

}  // namespace vitrine::VITRINE_GPU

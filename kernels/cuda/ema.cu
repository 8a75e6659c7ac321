// The moving average of parameters, all of a model in one launch (tensor_table.h).
//
// For each element in f32: 12 bytes (read value and average, write average). MobileNetV2's 3.5 million
// parameters and 34 thousand running statistics are 42 MB: 14 µs at 3 TB/s.
//
//     elements   one thread takes several elements, 256 apart
//     packs      the same with 16 bytes an access, all of a thread's reads before its first write

#include "kernels/cuda/tensor_table.h"

namespace vitrine::VITRINE_GPU {
namespace {

constexpr int threads = 256;
constexpr int accesses_under_way = 4;  // of each thread, to each array

/// Lerp of kernels/optim.h, its weight in T.
template <class T>
struct Average {
    T weight;
    bool from_value;

    explicit Average(const EmaUpdate& args)
        : weight(static_cast<T>(Lerp(args.decay).weight)), from_value(Lerp(args.decay).from_value) {}

    __device__ __forceinline__ T operator()(T value, T average) const {
        return multiply_add(weight, value - average, from_value ? value : average);
    }
};

/// A line of the table.
template <class T>
struct Entry {
    const T* value;
    T* average;
    int64_t count;
    int64_t first_block;
};

/// A block takes threads · accesses_under_way neighbouring elements.
template <class T>
__global__ void __launch_bounds__(threads)
    average_elements(Average<T> average, const Entry<T>* table, int lines) {
    const Entry<T> entry = own_line(table, lines);
    const int64_t block = int64_t{blockIdx.x} - entry.first_block;
    const int64_t first = block * (threads * accesses_under_way) + threadIdx.x;
    VITRINE_UNROLL
    for (int k = 0; k < accesses_under_way; ++k) {
        const int64_t i = first + k * threads;
        if (i < entry.count) entry.average[i] = average(entry.value[i], entry.average[i]);
    }
}

/// A block takes threads · accesses_under_way neighbouring packs. A parameter's last count % size elements go
/// to the first threads of its last block.
template <class T>
__global__ void __launch_bounds__(threads)
    average_packs(Average<T> average, const Entry<T>* table, int lines) {
    constexpr int size = Pack<T>::size;
    const Entry<T> entry = own_line(table, lines);
    const int64_t block = int64_t{blockIdx.x} - entry.first_block;
    const int64_t first = block * (threads * accesses_under_way) + threadIdx.x;
    const int64_t packs = entry.count / size;
    Pack<T> now[accesses_under_way], before[accesses_under_way];
    VITRINE_UNROLL
    for (int k = 0; k < accesses_under_way; ++k) {
        const int64_t i = first + k * threads;
        if (i >= packs) break;
        now[k] = load_pack(entry.value + i * size);
        before[k] = load_pack(entry.average + i * size);
    }
    VITRINE_UNROLL
    for (int k = 0; k < accesses_under_way; ++k) {
        const int64_t i = first + k * threads;
        if (i >= packs) break;
        Pack<T> result;
        VITRINE_UNROLL
        for (int j = 0; j < size; ++j) result[j] = average(now[k][j], before[k][j]);
        store_pack(entry.average + i * size, result);
    }
    const bool last_block = packs - block * (threads * accesses_under_way) < threads * accesses_under_way;
    const int64_t rest = packs * size + threadIdx.x;
    if (last_block && rest < entry.count) {
        entry.average[rest] = average(entry.value[rest], entry.average[rest]);
    }
}

// The host's side.

const char* refuses_unaligned(const EmaUpdate& args) {
    for (const EmaParameter& parameter : args.parameters) {
        if (!aligned(parameter.value, parameter.average)) return "a pointer is not aligned to 16 bytes";
    }
    return nullptr;
}

/// Launches `kernel` with as many blocks as all parameters need, each thread's access being `size` elements.
template <class T>
void run_with_table(const EmaUpdate& args, Context& context, int size,
                    void (*kernel)(Average<T>, const Entry<T>*, int)) {
    std::vector<Entry<T>> entries;
    for (const EmaParameter& parameter : args.parameters) {
        entries.push_back({static_cast<const T*>(parameter.value), static_cast<T*>(parameter.average),
                           parameter.count, /*first_block=*/0});
    }
    const int64_t block_elements = int64_t{threads} * accesses_under_way * size;
    const auto table = upload_table(std::move(entries), block_elements, context);
    if (table.count == 0) return;
    launch(kernel, blocks_for(table.blocks, 1), threads, 0, stream(), Average<T>(args), table.lines,
           table.count);
}

void run_elements(const EmaUpdate& args, Context& context) {
    dispatch_float(args.dtype, [&]<class T>() { run_with_table<T>(args, context, 1, average_elements<T>); });
}

void run_packs(const EmaUpdate& args, Context& context) {
    dispatch_float(args.dtype,
                   [&]<class T>() { run_with_table<T>(args, context, Pack<T>::size, average_packs<T>); });
}

constexpr Implementation<EmaUpdate> update_list[]{{"packs", refuses_unaligned, run_packs},
                                                  {"elements", refuses_nothing, run_elements}};

}  // namespace

const Kernel<EmaUpdate> ema_update{"ema_update", update_list};

}  // namespace vitrine::VITRINE_GPU

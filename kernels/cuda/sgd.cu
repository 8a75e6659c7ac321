// The update of stochastic gradient descent, all parameters of a model in one launch.
//
// For each parameter's element in f32: 12 bytes without momentum (read gradient and value, write value), 20
// with it (the buffer, read and written). MobileNetV2's 2.2 million parameters are 44 MB: 15 µs at 3 TB/s.
//
//     launches   one launch for each parameter, one thread an element. MobileNetV2 has 158 parameters, most
//                of them tiny: 158 launches of 2 to 5 µs each take far longer than the memory does
//     elements   one launch for all: a block finds its own parameter in a table (tensor_table.h)
//     packs      the same, 16 bytes an access and several accesses of each thread under way

#include "kernels/cuda/tensor_table.h"

namespace vitrine::VITRINE_GPU {
namespace {

constexpr int threads = 256;
constexpr int accesses_under_way = 4;  // of each thread, to each array

/// The formula of kernels/optim.h, every option in T.
template <class T>
struct Step {
    T scale;
    T momentum;
    T fresh;  // 1 − dampening
    T rate;   // −learning_rate
    bool has_momentum;
    bool nesterov;
    bool first_step;

    explicit Step(const SgdUpdate& args)
        : scale(static_cast<T>(args.gradient_scale)),
          momentum(static_cast<T>(args.momentum)),
          fresh(static_cast<T>(1 - args.dampening)),
          rate(static_cast<T>(-args.learning_rate)),
          has_momentum(args.momentum != 0),
          nesterov(args.nesterov),
          first_step(args.first_step) {}

    /// The first step's buffers hold nothing that may be read.
    __device__ __forceinline__ bool reads_buffer() const { return has_momentum && !first_step; }

    /// Updates value and buffer. Without momentum the buffer stays as it is.
    __device__ __forceinline__ void operator()(T weight_decay, T gradient, T& value, T& buffer) const {
        T g = multiply_add(weight_decay, value, scale * gradient);
        if (has_momentum) {
            buffer = first_step ? g : multiply_add(momentum, buffer, fresh * g);
            g = nesterov ? multiply_add(momentum, buffer, g) : buffer;
        }
        value = multiply_add(rate, g, value);
    }
};

/// A line of the table.
template <class T>
struct Entry {
    const T* gradient;
    T* value;
    T* buffer;  // null without momentum
    int64_t count;
    int64_t first_block;
    T weight_decay;
};

template <class T>
__device__ __forceinline__ void update_element(const Step<T>& step, const Entry<T>& entry, int64_t i) {
    T value = entry.value[i];
    T buffer = step.reads_buffer() ? entry.buffer[i] : T(0);
    step(entry.weight_decay, entry.gradient[i], value, buffer);
    entry.value[i] = value;
    if (step.has_momentum) entry.buffer[i] = buffer;
}

// One launch for each parameter.

template <class T>
__global__ void __launch_bounds__(threads) update_parameter(Step<T> step, Entry<T> entry) {
    const int64_t i = thread_index();
    if (i < entry.count) update_element(step, entry, i);
}

// One launch for all.

/// A block takes threads · accesses_under_way neighbouring elements.
template <class T>
__global__ void __launch_bounds__(threads) update_elements(Step<T> step, const Entry<T>* table, int lines) {
    const Entry<T> entry = own_line(table, lines);
    const int64_t block = int64_t{blockIdx.x} - entry.first_block;
    const int64_t first = block * (threads * accesses_under_way) + threadIdx.x;
    VITRINE_UNROLL
    for (int k = 0; k < accesses_under_way; ++k) {
        const int64_t i = first + k * threads;
        if (i < entry.count) update_element(step, entry, i);
    }
}

/// A block takes threads · accesses_under_way neighbouring packs. A parameter's last count % size elements go
/// to the first threads of its last block.
template <class T>
__global__ void __launch_bounds__(threads) update_packs(Step<T> step, const Entry<T>* table, int lines) {
    constexpr int size = Pack<T>::size;
    const Entry<T> entry = own_line(table, lines);
    const int64_t block = int64_t{blockIdx.x} - entry.first_block;
    const int64_t first = block * (threads * accesses_under_way) + threadIdx.x;
    const int64_t packs = entry.count / size;
    // All that is read, before anything is written: so many requests are under way at once.
    Pack<T> gradient[accesses_under_way], value[accesses_under_way], buffer[accesses_under_way];
    VITRINE_UNROLL
    for (int k = 0; k < accesses_under_way; ++k) {
        const int64_t i = first + k * threads;
        if (i >= packs) break;
        gradient[k] = load_pack(entry.gradient + i * size);
        value[k] = load_pack(entry.value + i * size);
        buffer[k] = step.reads_buffer() ? load_pack(entry.buffer + i * size) : Pack<T>{};
    }
    VITRINE_UNROLL
    for (int k = 0; k < accesses_under_way; ++k) {
        const int64_t i = first + k * threads;
        if (i >= packs) break;
        VITRINE_UNROLL
        for (int j = 0; j < size; ++j) step(entry.weight_decay, gradient[k][j], value[k][j], buffer[k][j]);
        store_pack(entry.value + i * size, value[k]);
        if (step.has_momentum) store_pack(entry.buffer + i * size, buffer[k]);
    }
    const bool last_block = packs - block * (threads * accesses_under_way) < threads * accesses_under_way;
    const int64_t rest = packs * size + threadIdx.x;
    if (last_block && rest < entry.count) update_element(step, entry, rest);
}

// The host's side.

template <class T>
Entry<T> entry_of(const SgdUpdate& args, const SgdParameter& parameter) {
    return {static_cast<const T*>(parameter.gradient),
            static_cast<T*>(parameter.value),
            args.momentum == 0 ? nullptr : static_cast<T*>(parameter.momentum_buffer),
            parameter.count,
            /*first_block=*/0,
            static_cast<T>(parameter.weight_decay)};
}

const char* refuses_unaligned(const SgdUpdate& args) {
    for (const SgdParameter& parameter : args.parameters) {
        if (!aligned(parameter.gradient, parameter.value, parameter.momentum_buffer)) {
            return "a pointer is not aligned to 16 bytes";
        }
    }
    return nullptr;
}

void run_launches(const SgdUpdate& args, Context&) {
    dispatch_float(args.dtype, [&]<class T>() {
        for (const SgdParameter& parameter : args.parameters) {
            if (parameter.count == 0) continue;
            launch(update_parameter<T>, blocks_for(parameter.count, threads), threads, 0, stream(),
                   Step<T>(args), entry_of<T>(args, parameter));
        }
    });
}

/// Launches `kernel` with as many blocks as all parameters need, each thread's access being `size` elements.
template <class T>
void run_with_table(const SgdUpdate& args, Context& context, int size,
                    void (*kernel)(Step<T>, const Entry<T>*, int)) {
    std::vector<Entry<T>> entries;
    for (const SgdParameter& parameter : args.parameters) entries.push_back(entry_of<T>(args, parameter));
    const int64_t block_elements = int64_t{threads} * accesses_under_way * size;
    const auto table = upload_table(std::move(entries), block_elements, context);
    if (table.count == 0) return;
    launch(kernel, blocks_for(table.blocks, 1), threads, 0, stream(), Step<T>(args), table.lines,
           table.count);
}

void run_elements(const SgdUpdate& args, Context& context) {
    dispatch_float(args.dtype, [&]<class T>() { run_with_table<T>(args, context, 1, update_elements<T>); });
}

void run_packs(const SgdUpdate& args, Context& context) {
    dispatch_float(args.dtype,
                   [&]<class T>() { run_with_table<T>(args, context, Pack<T>::size, update_packs<T>); });
}

constexpr Implementation<SgdUpdate> update_list[]{{"packs", refuses_unaligned, run_packs},
                                                  {"elements", refuses_nothing, run_elements},
                                                  {"launches", refuses_nothing, run_launches}};

}  // namespace

const Kernel<SgdUpdate> sgd_update{"sgd_update", update_list};

}  // namespace vitrine::VITRINE_GPU

// The update of stochastic gradient descent, element by element.
//
// For each element in f32: 12 bytes without momentum (read gradient and value, write value), 20 with it (the
// buffer, read and written), and 2 more where the next step multiplies with 16-bit values. MobileNetV2's 3.5 million
// parameters are 70 MB: 23 µs at 3 TB/s.
//
//     elements   one thread an element: a warp's request is 128 consecutive bytes
//     packs      one thread 16 bytes of each array: 512 bytes a request, a quarter of the instructions

#include "kernels/cuda/gpu.h"

namespace vitrine::VITRINE_GPU {
namespace {

constexpr int threads = 256;

/// The formula of kernels/optim.h, every option in T.
template <class T>
struct Step {
    T scale;
    T weight_decay;
    T momentum;
    T fresh;           // 1 − dampening
    T rate;            // −learning_rate
    double unit_rate;  // learning_rate as the host has it: the unit of the settings'
    bool has_momentum;
    bool nesterov;
    bool first_step;

    explicit Step(const SgdUpdate& args)
        : scale(static_cast<T>(args.gradient_scale)),
          weight_decay(static_cast<T>(args.weight_decay)),
          momentum(static_cast<T>(args.momentum)),
          fresh(static_cast<T>(1 - args.dampening)),
          rate(static_cast<T>(-args.learning_rate)),
          unit_rate(args.learning_rate),
          has_momentum(args.momentum != 0),
          nesterov(args.nesterov),
          first_step(args.first_step) {}

    /// Puts what the device knows better in place; false where the update is not to be made.
    __device__ __forceinline__ bool take(const UpdateDecision<T>* decision, const StepSettings* settings) {
        if (settings != nullptr) {
            rate = static_cast<T>(-(settings->learning_rate * unit_rate));
            if (has_momentum) momentum = static_cast<T>(settings->momentum);
        }
        if (decision == nullptr) return true;
        scale = decision->gradient_scale;
        return decision->follows != T(0);
    }

    /// The first step's buffers hold nothing that may be read.
    __device__ __forceinline__ bool reads_buffer() const { return has_momentum && !first_step; }

    /// Updates value and buffer. Without momentum the buffer stays as it is.
    __device__ __forceinline__ void operator()(T gradient, T& value, T& buffer) const {
        T g = multiply_add(weight_decay, value, scale * gradient);
        if (has_momentum) {
            buffer = first_step ? g : multiply_add(momentum, buffer, fresh * g);
            g = nesterov ? multiply_add(momentum, buffer, g) : buffer;
        }
        value = multiply_add(rate, g, value);
    }
};

/// `Rounded` is T where nobody wants rounded values.
template <class T, class Rounded>
struct Arrays {
    const T* gradient;
    T* value;
    T* buffer;         // null without momentum
    Rounded* rounded;  // null: nobody wants them
    int64_t count;
    const UpdateDecision<T>* decision;  // null: none
    const StepSettings* settings;       // null: none

    Arrays(const SgdUpdate& args, const Context& context)
        : gradient(static_cast<const T*>(args.gradient)),
          value(static_cast<T*>(args.value)),
          buffer(static_cast<T*>(args.momentum_buffer)),
          rounded(static_cast<Rounded*>(args.rounded)),
          count(args.count),
          decision(static_cast<const UpdateDecision<T>*>(args.decision)),
          settings(context.settings) {}
};

template <class T, class Rounded>
__device__ __forceinline__ void update_element(const Step<T>& step, const Arrays<T, Rounded>& arrays,
                                               int64_t i) {
    T value = arrays.value[i];
    T buffer = step.reads_buffer() ? arrays.buffer[i] : T(0);
    step(arrays.gradient[i], value, buffer);
    arrays.value[i] = value;
    if (arrays.rounded != nullptr) arrays.rounded[i] = static_cast<Rounded>(value);
    if (step.has_momentum) arrays.buffer[i] = buffer;
}

template <class T, class Rounded>
__global__ void __launch_bounds__(threads) update_elements(Step<T> step, Arrays<T, Rounded> arrays) {
    if (!step.take(arrays.decision, arrays.settings)) return;
    const int64_t i = thread_index();
    if (i < arrays.count) update_element(step, arrays, i);
}

/// A pack of values as the next step multiplies with them: one access, of 8 bytes for 16-bit values.
template <class T, class Rounded>
__device__ __forceinline__ void store_rounded(Rounded* to, const Pack<T>& v) {
    if constexpr (is_half_type<Rounded>) {
        *reinterpret_cast<uint2*>(to) =
            make_uint2(word_of<Rounded>(v[0], v[1]), word_of<Rounded>(v[2], v[3]));
    } else {
        store_pack(to, v);
    }
}

/// The last count % size elements go to the first threads.
template <class T, class Rounded>
__global__ void __launch_bounds__(threads) update_packs(Step<T> step, Arrays<T, Rounded> arrays) {
    if (!step.take(arrays.decision, arrays.settings)) return;
    constexpr int size = Pack<T>::size;
    const int64_t packs = arrays.count / size;
    const int64_t i = thread_index();
    if (i < packs) {
        const Pack<T> gradient = load_pack(arrays.gradient + i * size);
        Pack<T> value = load_pack(arrays.value + i * size);
        Pack<T> buffer = step.reads_buffer() ? load_pack(arrays.buffer + i * size) : Pack<T>{};
        VITRINE_UNROLL
        for (int k = 0; k < size; ++k) step(gradient[k], value[k], buffer[k]);
        store_pack(arrays.value + i * size, value);
        if (arrays.rounded != nullptr) store_rounded(arrays.rounded + i * size, value);
        if (step.has_momentum) store_pack(arrays.buffer + i * size, buffer);
    }
    const int64_t rest = packs * size + i;
    if (rest < arrays.count) update_element(step, arrays, rest);
}

// The host's side.

const char* refuses_unaligned(const SgdUpdate& args) {
    return aligned(args.gradient, args.value, args.momentum_buffer, args.rounded)
               ? nullptr
               : "a pointer is not aligned to 16 bytes";
}

template <class T, class Rounded>
void run(const SgdUpdate& args, const Context& context, int size,
         void (*kernel)(Step<T>, Arrays<T, Rounded>)) {
    launch(kernel, blocks_for(divide_up(args.count, size), threads), threads, 0, stream(), Step<T>(args),
           Arrays<T, Rounded>(args, context));
}

void run_elements(const SgdUpdate& args, Context& context) {
    if (args.count == 0) return;
    dispatch_update(args, [&]<class T, class R>() { run<T, R>(args, context, 1, update_elements<T, R>); });
}

void run_packs(const SgdUpdate& args, Context& context) {
    if (args.count == 0) return;
    dispatch_update(args,
                    [&]<class T, class R>() { run<T, R>(args, context, Pack<T>::size, update_packs<T, R>); });
}

constexpr Implementation<SgdUpdate> update_list[]{
    {"packs", refuses_unaligned, run_packs, StorageTypes::all},
    {"elements", refuses_nothing, run_elements, StorageTypes::all}};

}  // namespace

const Kernel<SgdUpdate> sgd_update{"sgd_update", update_list};

}  // namespace vitrine::VITRINE_GPU

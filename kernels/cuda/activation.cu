// Activations, element by element.
//
// They only move memory. For each element of an f32 tensor: forward reads x and writes y, 8 bytes; backward
// reads y or x and d_y and writes d_x, 12 bytes (16 where d_x accumulates). One or two comparisons an element,
// or an exponential and a division, cost nothing beside that.
//
//     elements   one thread an element: a warp's request is 128 consecutive bytes
//     packs      one thread 16 bytes: 512 bytes a request, and a quarter of the instructions and addresses
//
// The function is a parameter of the kernels' templates, so that none keeps registers for another one's arithmetic.

#include "kernels/cuda/gpu.h"
#include "kernels/cuda/pack_gradient.h"

namespace vitrine::VITRINE_GPU {
namespace {

constexpr int threads = 256;

// The functions: value(x), and gradient(saved, d_y) with what ActivationBackward::saved() is.

struct Clamp {
    Activation activation;

    template <class T>
    __device__ __forceinline__ T value(T x) const {
        return clamped(activation, x);
    }
    template <class T>
    __device__ __forceinline__ T gradient(T y, T d_y) const {
        return inside_clamp(activation, y) ? d_y : T(0);
    }
};

/// sigmoid(x) and 1 − sigmoid(x). The exponential is of a negative number, so that it never overflows, and neither
/// of the two is a difference of numbers that are almost the same.
template <class T>
struct Sigmoid {
    T value;
    T rest;

    __device__ __forceinline__ explicit Sigmoid(T x) {
        const T exponential = std::exp(-std::fabs(x));
        const T larger = T(1) / (T(1) + exponential);
        const T smaller = exponential * larger;
        value = x < T(0) ? smaller : larger;
        rest = x < T(0) ? larger : smaller;
    }
};

struct Silu {
    template <class T>
    __device__ __forceinline__ T value(T x) const {
        return x * Sigmoid<T>(x).value;
    }
    template <class T>
    __device__ __forceinline__ T gradient(T x, T d_y) const {
        const Sigmoid<T> sigmoid(x);
        return d_y * (sigmoid.value * multiply_add(x, sigmoid.rest, T(1)));
    }
};

struct HardSwish {
    template <class T>
    __device__ __forceinline__ T value(T x) const {
        return x * (clamped(Activation::relu6, x + T(3)) * (T(1) / T(6)));
    }
    template <class T>
    __device__ __forceinline__ T gradient(T x, T d_y) const {
        if (x <= T(-3)) return T(0);
        return x >= T(3) ? d_y : d_y * multiply_add(x, T(1) / T(3), T(0.5));
    }
};

/// Calls launch_with(function) with the activation's.
template <class Launch>
void with_function(Activation activation, Launch&& launch_with) {
    switch (activation) {
        case Activation::silu:
            return launch_with(Silu{});
        case Activation::hard_swish:
            return launch_with(HardSwish{});
        default:
            return launch_with(Clamp{activation});
    }
}

// Forward. x and y may be the same buffer: every thread reads its own elements before it writes them.

template <class T, class Function>
__global__ void __launch_bounds__(threads)
    activate_elements(Function function, const T* x, T* y, int64_t count) {
    const int64_t i = thread_index();
    if (i < count) store_value(y + i, function.value(load_value(x + i)));
}

/// The last count % size elements go to the first threads.
template <class T, class Function>
__global__ void __launch_bounds__(threads)
    activate_packs(Function function, const T* x, T* y, int64_t count) {
    constexpr int size = Pack<T>::size;
    const int64_t packs = count / size;
    const int64_t i = thread_index();
    if (i < packs) {
        Pack<T> values = load_pack(x + i * size);
        VITRINE_UNROLL
        for (int k = 0; k < size; ++k) values[k] = function.value(values[k]);
        store_pack(y + i * size, values);
    }
    const int64_t rest = packs * size + i;
    if (rest < count) store_value(y + rest, function.value(load_value(x + rest)));
}

// Backward. d_y and d_x may be the same buffer.

template <class T, class Function>
__global__ void __launch_bounds__(threads)
    differentiate_elements(Function function, const T* saved, const T* d_y, GradientWriter<T> d_x,
                           int64_t count) {
    const int64_t i = thread_index();
    if (i < count) d_x(i, function.gradient(load_value(saved + i), load_value(d_y + i)));
}

template <class T, class Function>
__global__ void __launch_bounds__(threads)
    differentiate_packs(Function function, const T* saved, const T* d_y, PackGradient<T> d_x, int64_t count) {
    constexpr int size = Pack<T>::size;
    const int64_t packs = count / size;
    const int64_t i = thread_index();
    if (i < packs) {
        const Pack<T> known = load_pack(saved + i * size);
        Pack<T> values = load_pack(d_y + i * size);
        VITRINE_UNROLL
        for (int k = 0; k < size; ++k) values[k] = function.gradient(known[k], values[k]);
        d_x.put(i * size, values);
    }
    const int64_t rest = packs * size + i;
    if (rest < count) d_x.put(rest, function.gradient(load_value(saved + rest), load_value(d_y + rest)));
}

// The host's side.

constexpr const char* unaligned = "a pointer is not aligned to 16 bytes";

const char* refuses_unaligned_forward(const ActivationForward& args) {
    return aligned(args.x, args.y) ? nullptr : unaligned;
}

const char* refuses_unaligned_backward(const ActivationBackward& args) {
    return aligned(args.saved(), args.d_y, args.d_x.data) ? nullptr : unaligned;
}

constexpr auto run_elements = all_types([]<class T>(const ActivationForward& args, Context&) {
    if (args.count == 0) return;
    with_function(args.activation, [&](auto function) {
        launch(activate_elements<T, decltype(function)>, blocks_for(args.count, threads), threads, 0,
               stream(), function, static_cast<const T*>(args.x), static_cast<T*>(args.y), args.count);
    });
});

constexpr auto run_packs = all_types([]<class T>(const ActivationForward& args, Context&) {
    if (args.count == 0) return;
    with_function(args.activation, [&](auto function) {
        launch(activate_packs<T, decltype(function)>,
               blocks_for(divide_up(args.count, Pack<T>::size), threads), threads, 0, stream(), function,
               static_cast<const T*>(args.x), static_cast<T*>(args.y), args.count);
    });
});

constexpr auto run_backward_elements = all_types([]<class T>(const ActivationBackward& args, Context&) {
    if (!args.d_x || args.count == 0) return;
    with_function(args.activation, [&](auto function) {
        launch(differentiate_elements<T, decltype(function)>, blocks_for(args.count, threads), threads, 0,
               stream(), function, static_cast<const T*>(args.saved()), static_cast<const T*>(args.d_y),
               GradientWriter<T>(args.d_x), args.count);
    });
});

constexpr auto run_backward_packs = all_types([]<class T>(const ActivationBackward& args, Context&) {
    if (!args.d_x || args.count == 0) return;
    with_function(args.activation, [&](auto function) {
        launch(differentiate_packs<T, decltype(function)>,
               blocks_for(divide_up(args.count, Pack<T>::size), threads), threads, 0, stream(), function,
               static_cast<const T*>(args.saved()), static_cast<const T*>(args.d_y),
               PackGradient<T>(args.d_x), args.count);
    });
});

constexpr Implementation<ActivationForward> forward_list[]{{"packs", refuses_unaligned_forward, run_packs},
                                                           {"elements", refuses_nothing, run_elements}};
constexpr Implementation<ActivationBackward> backward_list[]{
    {"packs", refuses_unaligned_backward, run_backward_packs},
    {"elements", refuses_nothing, run_backward_elements}};

}  // namespace

const Kernel<ActivationForward> activation_forward{"activation_forward", forward_list};
const Kernel<ActivationBackward> activation_backward{"activation_backward", backward_list};

}  // namespace vitrine::VITRINE_GPU

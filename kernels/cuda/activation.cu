// Activation: relu, relu6 or nothing, element by element.
//
// It only moves memory. For each element of an f32 tensor: forward reads x and writes y, 8 bytes; backward
// reads y and d_y and writes d_x, 12 bytes (16 where d_x accumulates). One or two comparisons an element
// cost nothing beside that.
//
//     elements   one thread an element: a warp's request is 128 consecutive bytes
//     packs      one thread 16 bytes: 512 bytes a request, and a quarter of the instructions and addresses

#include "kernels/cuda/gpu.h"
#include "kernels/cuda/pack_gradient.h"

namespace vitrine::VITRINE_GPU {
namespace {

constexpr int threads = 256;

// Forward. x and y may be the same buffer: every thread reads its own elements before it writes them.

template <class T>
__global__ void __launch_bounds__(threads)
    activate_elements(Activation activation, const T* x, T* y, int64_t count) {
    const int64_t i = thread_index();
    if (i < count) y[i] = activate(activation, x[i]);
}

/// The last count % size elements go to the first threads.
template <class T>
__global__ void __launch_bounds__(threads)
    activate_packs(Activation activation, const T* x, T* y, int64_t count) {
    constexpr int size = Pack<T>::size;
    const int64_t packs = count / size;
    const int64_t i = thread_index();
    if (i < packs) {
        Pack<T> values = load_pack(x + i * size);
        VITRINE_UNROLL
        for (int k = 0; k < size; ++k) values[k] = activate(activation, values[k]);
        store_pack(y + i * size, values);
    }
    const int64_t rest = packs * size + i;
    if (rest < count) y[rest] = activate(activation, x[rest]);
}

// Backward. d_y and d_x may be the same buffer.

template <class T>
__device__ __forceinline__ T pass_gradient(Activation activation, T y, T d_y) {
    return activation_passes(activation, y) ? d_y : T(0);
}

template <class T>
__global__ void __launch_bounds__(threads)
    pass_elements(Activation activation, const T* y, const T* d_y, GradientWriter<T> d_x, int64_t count) {
    const int64_t i = thread_index();
    if (i < count) d_x(i, pass_gradient(activation, y[i], d_y[i]));
}

template <class T>
__global__ void __launch_bounds__(threads)
    pass_packs(Activation activation, const T* y, const T* d_y, PackGradient<T> d_x, int64_t count) {
    constexpr int size = Pack<T>::size;
    const int64_t packs = count / size;
    const int64_t i = thread_index();
    if (i < packs) {
        const Pack<T> output = load_pack(y + i * size);
        Pack<T> values = load_pack(d_y + i * size);
        VITRINE_UNROLL
        for (int k = 0; k < size; ++k) values[k] = pass_gradient(activation, output[k], values[k]);
        d_x.put(i * size, values);
    }
    const int64_t rest = packs * size + i;
    if (rest < count) d_x.put(rest, pass_gradient(activation, y[rest], d_y[rest]));
}

// The host's side.

constexpr const char* unaligned = "a pointer is not aligned to 16 bytes";

const char* refuses_unaligned_forward(const ActivationForward& args) {
    return aligned(args.x, args.y) ? nullptr : unaligned;
}

const char* refuses_unaligned_backward(const ActivationBackward& args) {
    return aligned(args.y, args.d_y, args.d_x.data) ? nullptr : unaligned;
}

void run_elements(const ActivationForward& args, Context&) {
    if (args.count == 0) return;
    dispatch_float(args.dtype, [&]<class T>() {
        launch(activate_elements<T>, blocks_for(args.count, threads), threads, 0, stream(), args.activation,
               static_cast<const T*>(args.x), static_cast<T*>(args.y), args.count);
    });
}

void run_packs(const ActivationForward& args, Context&) {
    if (args.count == 0) return;
    dispatch_float(args.dtype, [&]<class T>() {
        launch(activate_packs<T>, blocks_for(divide_up(args.count, Pack<T>::size), threads), threads, 0,
               stream(), args.activation, static_cast<const T*>(args.x), static_cast<T*>(args.y), args.count);
    });
}

void run_backward_elements(const ActivationBackward& args, Context&) {
    if (!args.d_x || args.count == 0) return;
    dispatch_float(args.dtype, [&]<class T>() {
        launch(pass_elements<T>, blocks_for(args.count, threads), threads, 0, stream(), args.activation,
               static_cast<const T*>(args.y), static_cast<const T*>(args.d_y), GradientWriter<T>(args.d_x),
               args.count);
    });
}

void run_backward_packs(const ActivationBackward& args, Context&) {
    if (!args.d_x || args.count == 0) return;
    dispatch_float(args.dtype, [&]<class T>() {
        launch(pass_packs<T>, blocks_for(divide_up(args.count, Pack<T>::size), threads), threads, 0, stream(),
               args.activation, static_cast<const T*>(args.y), static_cast<const T*>(args.d_y),
               PackGradient<T>(args.d_x), args.count);
    });
}

constexpr Implementation<ActivationForward> forward_list[]{{"packs", refuses_unaligned_forward, run_packs},
                                                           {"elements", refuses_nothing, run_elements}};
constexpr Implementation<ActivationBackward> backward_list[]{
    {"packs", refuses_unaligned_backward, run_backward_packs},
    {"elements", refuses_nothing, run_backward_elements}};

}  // namespace

const Kernel<ActivationForward> activation_forward{"activation_forward", forward_list};
const Kernel<ActivationBackward> activation_backward{"activation_backward", backward_list};

}  // namespace vitrine::VITRINE_GPU

// Activation: one pass over memory.

#include "kernels/cpu/parallel.h"
#include "kernels/kernels.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/activation.cpp"
#include "hwy/foreach_target.h"
#include "kernels/cpu/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace vitrine::cpu::HWY_NAMESPACE {
namespace {

template <class T>
HWY_ATTR void forward(const ActivationForward& args, int64_t begin, int64_t end) {
    const T* x = static_cast<const T*>(args.x) + begin;
    T* y = static_cast<T*>(args.y) + begin;
    const Activation activation = args.activation;
    for_each_vector<T>(end - begin, [=](auto part, int64_t i) HWY_ATTR {
        part.store(activate_vector(activation, part.load(x + i)), y + i);
    });
}

template <class T>
HWY_ATTR void backward(const ActivationBackward& args, int64_t begin, int64_t end) {
    const T* y = static_cast<const T*>(args.y);
    const T* d_y = static_cast<const T*>(args.d_y);
    const VectorGradient<T> d_x(args.d_x);
    const Activation activation = args.activation;
    for_each_vector<T>(end - begin, [=](auto part, int64_t offset) HWY_ATTR {
        const int64_t i = begin + offset;
        d_x.put(part, i, pass_gradient(activation, part.load(y + i), part.load(d_y + i)));
    });
}

void forward_chunk(const ActivationForward& args, int64_t begin, int64_t end) {
    dispatch_float(args.dtype, [&]<class T>() { forward<T>(args, begin, end); });
}

void backward_chunk(const ActivationBackward& args, int64_t begin, int64_t end) {
    dispatch_float(args.dtype, [&]<class T>() { backward<T>(args, begin, end); });
}

}  // namespace
}  // namespace vitrine::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace vitrine::cpu {
namespace {

HWY_EXPORT(forward_chunk);
HWY_EXPORT(backward_chunk);

void run_forward(const ActivationForward& args, Context&) {
    const auto chunks = Chunks::of_elements(args.count);
    parallel_for(chunks.count(), [&](int64_t chunk) {
        HWY_DYNAMIC_DISPATCH(forward_chunk)(args, chunks.begin(chunk), chunks.end(chunk));
    });
}

void run_backward(const ActivationBackward& args, Context&) {
    if (!args.d_x) return;
    const auto chunks = Chunks::of_elements(args.count);
    parallel_for(chunks.count(), [&](int64_t chunk) {
        HWY_DYNAMIC_DISPATCH(backward_chunk)(args, chunks.begin(chunk), chunks.end(chunk));
    });
}

constexpr Implementation<ActivationForward> forward_list[]{{"vector", refuses_nothing, run_forward}};
constexpr Implementation<ActivationBackward> backward_list[]{{"vector", refuses_nothing, run_backward}};

}  // namespace

const Kernel<ActivationForward> activation_forward{"activation_forward", forward_list};
const Kernel<ActivationBackward> activation_backward{"activation_backward", backward_list};

}  // namespace vitrine::cpu
#endif

// Activation, as plain loops.

#include "kernels/kernels.h"

namespace vitrine::reference {
namespace {

template <class T>
void forward(const ActivationForward& args) {
    const T* x = static_cast<const T*>(args.x);
    T* y = static_cast<T*>(args.y);
    for (int64_t i = 0; i < args.count; ++i) y[i] = activate(args.activation, x[i]);
}

template <class T>
void backward(const ActivationBackward& args) {
    const T* y = static_cast<const T*>(args.y);
    const T* d_y = static_cast<const T*>(args.d_y);
    const GradientWriter<T> d_x(args.d_x);
    if (!d_x) return;
    for (int64_t i = 0; i < args.count; ++i) {
        d_x(i, activation_passes(args.activation, y[i]) ? d_y[i] : T(0));
    }
}

void run_forward(const ActivationForward& args, Context&) {
    dispatch_float(args.dtype, [&]<class T>() { forward<T>(args); });
}

void run_backward(const ActivationBackward& args, Context&) {
    dispatch_float(args.dtype, [&]<class T>() { backward<T>(args); });
}

constexpr Implementation<ActivationForward> forward_list[]{{"loops", refuses_nothing, run_forward}};
constexpr Implementation<ActivationBackward> backward_list[]{{"loops", refuses_nothing, run_backward}};

}  // namespace

const Kernel<ActivationForward> activation_forward{"activation_forward", forward_list};
const Kernel<ActivationBackward> activation_backward{"activation_backward", backward_list};

}  // namespace vitrine::reference

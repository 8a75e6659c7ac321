// Activation, as plain loops.

#include "kernels/kernels.h"
#include "kernels/reference/activation_formulas.h"

namespace vitrine::reference {
namespace {

template <class T>
void forward(const ActivationForward& args) {
    const T* x = static_cast<const T*>(args.x);
    T* y = static_cast<T*>(args.y);
    for (int64_t i = 0; i < args.count; ++i) {
        y[i] = static_cast<T>(activated(args.activation, double{x[i]}));
    }
}

template <class T>
void backward(const ActivationBackward& args) {
    const T* saved = static_cast<const T*>(args.saved());
    const T* d_y = static_cast<const T*>(args.d_y);
    const GradientWriter<T> d_x(args.d_x);
    if (!d_x) return;
    for (int64_t i = 0; i < args.count; ++i) {
        d_x(i, static_cast<Accumulate<T>>(
                   activation_gradient(args.activation, double{saved[i]}, double{d_y[i]})));
    }
}

void run_forward(const ActivationForward& args, Context&) {
    dispatch_storage(args.dtype, [&]<class T>() { forward<T>(args); });
}

void run_backward(const ActivationBackward& args, Context&) {
    dispatch_storage(args.dtype, [&]<class T>() { backward<T>(args); });
}

constexpr Implementation<ActivationForward> forward_list[]{
    {"loops", refuses_nothing, run_forward, StorageTypes::all}};
constexpr Implementation<ActivationBackward> backward_list[]{
    {"loops", refuses_nothing, run_backward, StorageTypes::all}};

}  // namespace

const Kernel<ActivationForward> activation_forward{"activation_forward", forward_list};
const Kernel<ActivationBackward> activation_backward{"activation_backward", backward_list};

}  // namespace vitrine::reference

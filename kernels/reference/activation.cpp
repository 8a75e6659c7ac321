// Activation, as plain loops.

#include "kernels/kernels.h"
#include "kernels/reference/activation_formulas.h"

namespace vitrine::reference {
namespace {

constexpr auto forward = all_types([]<class T>(const ActivationForward& args, Context&) {
    const T* x = static_cast<const T*>(args.x);
    T* y = static_cast<T*>(args.y);
    for (int64_t i = 0; i < args.count; ++i) {
        y[i] = static_cast<T>(activated(args.activation, double{x[i]}));
    }
});

constexpr auto backward = all_types([]<class T>(const ActivationBackward& args, Context&) {
    const T* saved = static_cast<const T*>(args.saved());
    const T* d_y = static_cast<const T*>(args.d_y);
    const GradientWriter<T> d_x(args.d_x);
    if (!d_x) return;
    for (int64_t i = 0; i < args.count; ++i) {
        d_x(i, static_cast<Accumulate<T>>(
                   activation_gradient(args.activation, double{saved[i]}, double{d_y[i]})));
    }
});

constexpr Implementation<ActivationForward> forward_list[]{{"loops", refuses_nothing, forward}};
constexpr Implementation<ActivationBackward> backward_list[]{{"loops", refuses_nothing, backward}};

}  // namespace

const Kernel<ActivationForward> activation_forward{"activation_forward", forward_list};
const Kernel<ActivationBackward> activation_backward{"activation_backward", backward_list};

}  // namespace vitrine::reference

// The update of stochastic gradient descent, as plain loops: see kernels/optim.h for the formula.

#include "kernels/host_decision.h"
#include "kernels/kernels.h"

namespace vitrine::reference {
namespace {

template <class T>
void update(const SgdUpdate& args) {
    const T* gradient = static_cast<const T*>(args.gradient);
    T* value = static_cast<T*>(args.value);
    T* momentum_buffer = static_cast<T*>(args.momentum_buffer);
    for (int64_t i = 0; i < args.count; ++i) {
        double g = args.gradient_scale * double{gradient[i]} + args.weight_decay * double{value[i]};
        if (args.momentum != 0) {
            const double b =
                args.first_step ? g : args.momentum * double{momentum_buffer[i]} + (1 - args.dampening) * g;
            momentum_buffer[i] = static_cast<T>(b);
            g = args.nesterov ? g + args.momentum * b : b;
        }
        value[i] = static_cast<T>(double{value[i]} - args.learning_rate * g);
    }
}

void run_update(const SgdUpdate& args, Context&) {
    if (const auto update_made = decided(args))
        dispatch_float(args.dtype, [&]<class T>() { update<T>(*update_made); });
}

constexpr Implementation<SgdUpdate> update_list[]{{"loops", refuses_nothing, run_update}};

}  // namespace

const Kernel<SgdUpdate> sgd_update{"sgd_update", update_list};

}  // namespace vitrine::reference

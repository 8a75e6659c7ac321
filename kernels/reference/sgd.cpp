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

template <class T, class Rounded>
void round_values(const SgdUpdate& args) {
    const T* value = static_cast<const T*>(args.value);
    Rounded* rounded = static_cast<Rounded*>(args.rounded);
    for (int64_t i = 0; i < args.count; ++i) rounded[i] = static_cast<Rounded>(value[i]);
}

void run_update(const SgdUpdate& args, Context&) {
    const auto update_made = decided(args);
    if (!update_made) return;
    dispatch_update(args, [&]<class T, class Rounded>() {
        update<T>(*update_made);
        if (args.rounded != nullptr) round_values<T, Rounded>(args);
    });
}

constexpr Implementation<SgdUpdate> update_list[]{{"loops", refuses_nothing, run_update, StorageTypes::all}};

}  // namespace

const Kernel<SgdUpdate> sgd_update{"sgd_update", update_list};

}  // namespace vitrine::reference

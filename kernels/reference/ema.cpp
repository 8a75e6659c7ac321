// The moving average of parameters, as plain loops: see kernels/optim.h for the formula.

#include "kernels/kernels.h"

namespace vitrine::reference {
namespace {

template <class T>
void update(const Lerp& lerp, const EmaParameter& parameter) {
    const T* value = static_cast<const T*>(parameter.value);
    T* average = static_cast<T*>(parameter.average);
    for (int64_t i = 0; i < parameter.count; ++i) {
        const double now = double{value[i]}, before = double{average[i]};
        average[i] = static_cast<T>((lerp.from_value ? now : before) + lerp.weight * (now - before));
    }
}

void run_update(const EmaUpdate& args, Context&) {
    dispatch_float(args.dtype, [&]<class T>() {
        for (const EmaParameter& parameter : args.parameters) update<T>(Lerp(args.decay), parameter);
    });
}

constexpr Implementation<EmaUpdate> update_list[]{{"loops", refuses_nothing, run_update}};

}  // namespace

const Kernel<EmaUpdate> ema_update{"ema_update", update_list};

}  // namespace vitrine::reference

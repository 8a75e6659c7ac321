// The moving average of parameters, as plain loops: see kernels/optim.h for the formula.

#include "kernels/host_decision.h"
#include "kernels/kernels.h"

namespace vitrine::reference {
namespace {

constexpr auto update = computed_types([]<class T>(const EmaUpdate& args, Context&) {
    const auto lerp = decided(args);
    if (!lerp) return;
    const T* value = static_cast<const T*>(args.value);
    T* average = static_cast<T*>(args.average);
    for (int64_t i = 0; i < args.count; ++i) {
        const double now = double{value[i]}, before = double{average[i]};
        average[i] = static_cast<T>((lerp->from_value ? now : before) + lerp->weight * (now - before));
    }
});

constexpr Implementation<EmaUpdate> update_list[]{{"loops", refuses_nothing, update}};

}  // namespace

const Kernel<EmaUpdate> ema_update{"ema_update", update_list};

}  // namespace vitrine::reference

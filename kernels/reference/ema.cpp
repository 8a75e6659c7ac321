// The moving average of parameters, as plain loops: see kernels/optim.h for the formula.

#include "kernels/host_decision.h"
#include "kernels/kernels.h"

namespace vitrine::reference {
namespace {

template <class T>
void update(const EmaUpdate& args, const Lerp& lerp) {
    const T* value = static_cast<const T*>(args.value);
    T* average = static_cast<T*>(args.average);
    for (int64_t i = 0; i < args.count; ++i) {
        const double now = double{value[i]}, before = double{average[i]};
        average[i] = static_cast<T>((lerp.from_value ? now : before) + lerp.weight * (now - before));
    }
}

void run_update(const EmaUpdate& args, Context&) {
    if (const auto lerp = decided(args))
        dispatch_float(args.dtype, [&]<class T>() { update<T>(args, *lerp); });
}

constexpr Implementation<EmaUpdate> update_list[]{{"loops", refuses_nothing, run_update}};

}  // namespace

const Kernel<EmaUpdate> ema_update{"ema_update", update_list};

}  // namespace vitrine::reference

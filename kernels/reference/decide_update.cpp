// Whether to follow the gradients, and how far: see kernels/optim.h for the formula.

#include "kernels/kernels.h"

namespace vitrine::reference {
namespace {

constexpr auto run_decide = computed_types([]<class T>(const DecideUpdate& args, Context&) {
    const T norm = args.norm != nullptr ? *static_cast<const T*>(args.norm) : T(0);
    *static_cast<UpdateDecision<T>*>(args.decision) = decide(
        args, norm, *static_cast<StepState<T>*>(args.state), *static_cast<UpdateRecord<T>*>(args.record));
});

constexpr Implementation<DecideUpdate> decide_list[]{{"formula", refuses_nothing, run_decide}};

}  // namespace

const Kernel<DecideUpdate> decide_update{"decide_update", decide_list};

}  // namespace vitrine::reference

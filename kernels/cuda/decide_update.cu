// Whether to follow the gradients, and how far: one thread, so that the host need not wait for a norm.

#include "kernels/cuda/gpu.h"

namespace vitrine::VITRINE_GPU {
namespace {

template <class T>
__global__ void __launch_bounds__(1)
    decide_once(DecideUpdate args, const T* norm, StepState<T>* state, UpdateRecord<T>* record,
                UpdateDecision<T>* decision, const StepSettings* settings) {
    if (settings != nullptr) record += settings->update_record;
    StepState<T> next = *state;
    UpdateRecord<T> own{};
    *decision = decide(args, norm != nullptr ? *norm : T(0), next, own);
    *state = next;
    *record = own;
}

constexpr auto run_decide = computed_types([]<class T>(const DecideUpdate& args, Context& context) {
    launch(decide_once<T>, 1, 1, 0, stream(), args, static_cast<const T*>(args.norm),
           static_cast<StepState<T>*>(args.state), static_cast<UpdateRecord<T>*>(args.record),
           static_cast<UpdateDecision<T>*>(args.decision), context.settings);
});

constexpr Implementation<DecideUpdate> decide_list[]{{"formula", refuses_nothing, run_decide}};

}  // namespace

const Kernel<DecideUpdate> decide_update{"decide_update", decide_list};

}  // namespace vitrine::VITRINE_GPU

// The moving average of parameters: one pass over parameters and averages.

#include "kernels/cpu/in_chunks.h"
#include "kernels/host_decision.h"
#include "kernels/kernels.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/ema.cpp"
#include "hwy/foreach_target.h"
#include "kernels/cpu/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace vitrine::cpu::HWY_NAMESPACE {
namespace {

constexpr auto update = computed_types([]<class T>(const EmaUpdate& args, Range range) HWY_ATTR {
    const std::optional<Lerp> lerp = decided(args);
    if (!lerp) return;
    const T* value = static_cast<const T*>(args.value) + range.begin;
    T* average = static_cast<T*>(args.average) + range.begin;
    const auto weight = constant<T>(lerp->weight);
    const bool from_value = lerp->from_value;
    for_each_vector<T>(range.count(), [=](auto part, int64_t i) HWY_ATTR {
        const auto now = part.load(value + i), before = part.load(average + i);
        const auto base = from_value ? now : before;
        part.store(hn::MulAdd(weight, hn::Sub(now, before), base), average + i);
    });
});
void update_chunk(const EmaUpdate& args, Range range) { update(args, range); }

}  // namespace
}  // namespace vitrine::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace vitrine::cpu {
namespace {

constexpr Implementation<EmaUpdate> update_list[]{{"vector", refuses_nothing, VITRINE_IN_CHUNKS(update)}};

}  // namespace

const Kernel<EmaUpdate> ema_update{"ema_update", update_list};

}  // namespace vitrine::cpu
#endif

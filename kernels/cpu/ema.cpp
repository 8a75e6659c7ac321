// The moving average of parameters: one pass over parameters and averages.

#include "kernels/cpu/parallel.h"
#include "kernels/host_decision.h"
#include "kernels/kernels.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/ema.cpp"
#include "hwy/foreach_target.h"
#include "kernels/cpu/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace vitrine::cpu::HWY_NAMESPACE {
namespace {

template <class T>
HWY_ATTR void update(const EmaUpdate& args, const Lerp& lerp, int64_t begin, int64_t end) {
    const T* value = static_cast<const T*>(args.value) + begin;
    T* average = static_cast<T*>(args.average) + begin;
    const auto weight = constant<T>(lerp.weight);
    for_each_vector<T>(end - begin, [=](auto part, int64_t i) HWY_ATTR {
        const auto now = part.load(value + i), before = part.load(average + i);
        const auto base = lerp.from_value ? now : before;
        part.store(hn::MulAdd(weight, hn::Sub(now, before), base), average + i);
    });
}

void update_chunk(const EmaUpdate& args, const Lerp& lerp, int64_t begin, int64_t end) {
    dispatch_float(args.dtype, [&]<class T>() { update<T>(args, lerp, begin, end); });
}

}  // namespace
}  // namespace vitrine::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace vitrine::cpu {
namespace {

HWY_EXPORT(update_chunk);

void run_update(const EmaUpdate& args, Context&) {
    const std::optional<Lerp> lerp = decided(args);
    if (!lerp) return;
    const auto chunks = Chunks::of_elements(args.count);
    parallel_for(chunks.count(), [&](int64_t chunk) {
        HWY_DYNAMIC_DISPATCH(update_chunk)(args, *lerp, chunks.begin(chunk), chunks.end(chunk));
    });
}

constexpr Implementation<EmaUpdate> update_list[]{{"vector", refuses_nothing, run_update}};

}  // namespace

const Kernel<EmaUpdate> ema_update{"ema_update", update_list};

}  // namespace vitrine::cpu
#endif

// The update of stochastic gradient descent: one pass over parameters, gradients and momentum buffers.

#include "kernels/cpu/parallel.h"
#include "kernels/host_decision.h"
#include "kernels/kernels.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/sgd.cpp"
#include "hwy/foreach_target.h"
#include "kernels/cpu/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace vitrine::cpu::HWY_NAMESPACE {
namespace {

/// `Rounded` is the type of what the next step multiplies with; T itself where nobody wants it.
template <class T, class Rounded>
HWY_ATTR void update(const SgdUpdate& args, Range range) {
    const T* gradient = static_cast<const T*>(args.gradient) + range.begin;
    T* value = static_cast<T*>(args.value) + range.begin;
    T* buffer = args.momentum == 0 ? nullptr : static_cast<T*>(args.momentum_buffer) + range.begin;
    Rounded* rounded = args.rounded == nullptr ? nullptr : static_cast<Rounded*>(args.rounded) + range.begin;
    const auto scale = constant<T>(args.gradient_scale), weight_decay = constant<T>(args.weight_decay);
    const auto momentum = constant<T>(args.momentum);
    const auto fresh = constant<T>(1 - args.dampening), step = constant<T>(-args.learning_rate);
    for_each_vector<T>(range.count(), [=, &args](auto part, int64_t i) HWY_ATTR {
        const auto old_value = part.load(value + i);
        auto g = hn::MulAdd(weight_decay, old_value, hn::Mul(scale, part.load(gradient + i)));
        if (buffer != nullptr) {
            auto b = g;
            if (!args.first_step) b = hn::MulAdd(momentum, part.load(buffer + i), hn::Mul(fresh, g));
            part.store(b, buffer + i);
            g = args.nesterov ? hn::MulAdd(momentum, b, g) : b;
        }
        const auto new_value = hn::MulAdd(step, g, old_value);
        part.store(new_value, value + i);
        if (rounded != nullptr) part.store(new_value, rounded + i);
    });
}

void update_chunk(const SgdUpdate& args, Range range) {
    dispatch_update(args, [&]<class T, class Rounded>() { update<T, Rounded>(args, range); });
}

}  // namespace
}  // namespace vitrine::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace vitrine::cpu {
namespace {

HWY_EXPORT(update_chunk);

void run_update(const SgdUpdate& args, Context&) {
    const std::optional<SgdUpdate> update = decided(args);
    if (!update) return;
    for_each_chunk(Chunks::of_elements(args.count), [&](Range range) {
        HWY_DYNAMIC_DISPATCH(update_chunk)(*update, range);
    });
}

constexpr Implementation<SgdUpdate> update_list[]{{"vector", refuses_nothing, run_update, StorageTypes::all}};

}  // namespace

const Kernel<SgdUpdate> sgd_update{"sgd_update", update_list};

}  // namespace vitrine::cpu
#endif

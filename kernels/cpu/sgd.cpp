// The update of stochastic gradient descent: one pass over parameters, gradients and momentum buffers.

#include "kernels/cpu/pieces.h"
#include "kernels/kernels.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/sgd.cpp"
#include "hwy/foreach_target.h"
#include "kernels/cpu/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace vitrine::cpu::HWY_NAMESPACE {
namespace {

template <class T>
HWY_ATTR void update(const SgdUpdate& args, const SgdParameter& parameter, int64_t begin, int64_t end) {
    const T* gradient = static_cast<const T*>(parameter.gradient) + begin;
    T* value = static_cast<T*>(parameter.value) + begin;
    T* buffer = args.momentum == 0 ? nullptr : static_cast<T*>(parameter.momentum_buffer) + begin;
    const auto scale = constant<T>(args.gradient_scale), weight_decay = constant<T>(parameter.weight_decay);
    const auto momentum = constant<T>(args.momentum);
    const auto fresh = constant<T>(1 - args.dampening), step = constant<T>(-args.learning_rate);
    for_each_vector<T>(end - begin, [=, &args](auto part, int64_t i) HWY_ATTR {
        const auto old_value = part.load(value + i);
        auto g = hn::MulAdd(weight_decay, old_value, hn::Mul(scale, part.load(gradient + i)));
        if (buffer != nullptr) {
            auto b = g;
            if (!args.first_step) b = hn::MulAdd(momentum, part.load(buffer + i), hn::Mul(fresh, g));
            part.store(b, buffer + i);
            g = args.nesterov ? hn::MulAdd(momentum, b, g) : b;
        }
        part.store(hn::MulAdd(step, g, old_value), value + i);
    });
}

void update_chunk(const SgdUpdate& args, const SgdParameter& parameter, int64_t begin, int64_t end) {
    dispatch_float(args.dtype, [&]<class T>() { update<T>(args, parameter, begin, end); });
}

}  // namespace
}  // namespace vitrine::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace vitrine::cpu {
namespace {

HWY_EXPORT(update_chunk);

void run_update(const SgdUpdate& args, Context& context) {
    parallel_over(cut_into_pieces(args.parameters, context), [&](const Piece<SgdParameter>& piece) {
        HWY_DYNAMIC_DISPATCH(update_chunk)(args, *piece.item, piece.begin, piece.end);
    });
}

constexpr Implementation<SgdUpdate> update_list[]{{"vector", refuses_nothing, run_update}};

}  // namespace

const Kernel<SgdUpdate> sgd_update{"sgd_update", update_list};

}  // namespace vitrine::cpu
#endif

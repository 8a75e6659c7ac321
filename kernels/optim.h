// What an optimiser does to the parameters of a model: the update of stochastic gradient descent, the norm of
// all gradients, and the moving average of the parameters. Element by element, over ranges of arrays that hold
// many parameters one after the other (engine/step/state.h).
#pragma once

#include <cstdint>

#include "kernels/dtype.h"
#include "kernels/scores.h"

namespace vitrine {

/// The numbers of a moving average's update: average = base + weight · (value − average).
struct Lerp {
    bool from_value;  // base: the value, else the average
    double weight;

    constexpr Lerp(bool its_base, double its_weight) : from_value(its_base), weight(its_weight) {}
    explicit constexpr Lerp(double decay)
        : from_value(decay <= 0.5), weight(from_value ? -decay : 1.0 - decay) {}
};

/// How an update is made, decided on the device: what the host would have to wait for. As T, the dtype of the
/// kernels.
template <class T>
struct UpdateDecision {
    T follows;         // 0: parameters, momentum and average stay as they are
    T gradient_scale;  // takes the place of SgdUpdate's
    T average_weight;  // these two take the place of EmaUpdate's decay: a Lerp
    T average_from_value;
};

/// min(decay, (1 + updates) / (10 + updates)): TensorFlow's ExponentialMovingAverage with num_updates. A
/// decay near 1 alone would weigh the first, untrained values by decay^updates: with 0.9999 still 37% after
/// 10,000 steps. So the average begins short and grows to 1 / (1 − decay) steps.
constexpr double warmed_up_decay(double decay, double updates) {
    const double warm = (1.0 + updates) / (10.0 + updates);
    return warm < decay ? warm : decay;
}

/// What clipping multiplies gradients of this norm by: max_norm / (norm + 1e-6), and at most 1, as
/// torch.nn.utils.clip_grad_norm_.
constexpr double clip_coefficient(double norm, double max_norm) {
    const double coefficient = max_norm / (norm + 1e-6);
    return coefficient < 1.0 ? coefficient : 1.0;
}

/// What an update came to. As T, the dtype of the kernel that writes it.
template <class T>
struct UpdateRecord {
    T norm;      // of the gradients, scaled but not clipped; 0 where it is not known
    T followed;  // 1: the update was made; 0: it was left out
};

/// How the scale of a loss moves whose gradients are stored in f16, which has 40 powers of two (bf16 has 261): those
/// below 2^-24 would be 0. So the loss counts for more, as much more as the largest gradients allow. As
/// torch.amp.GradScaler, whose numbers these are: an overflow halves the scale, 2000 updates in turn double it.
struct LossScale {
    static constexpr double first = 65536.0, growth = 2.0, backoff = 0.5;
    static constexpr int interval = 2000;
    static constexpr double least = 0x1p-14, most = 0x1p+24;  // beyond these no f16 number is helped
};

/// Whether to follow the gradients, and how far:
///
///     scale = gradient_scale / (loss_scale where the loss is scaled)
///     norm = scale · ‖gradients‖
///     guarded: clip_norm or skip_outliers is above 0, or the loss is scaled
///     follows: healthy, and where it is guarded, norm is finite;
///              and where skip_outliers is above 0, norm ≤ skip_outliers · gradient_norm_ema, once there is a usual one
///     gradient_scale → scale · clip_coefficient(norm, clip_norm)
///     gradient_norm_ema ← 0.98 · gradient_norm_ema + 0.02 · norm where it is guarded and norm is finite; the first takes its place
///     loss_scale ← half of it where norm is not finite, twice of it after 2000 updates in turn (LossScale)
///     the average's decay is 0 for its first update, which copies, then warmed_up_decay(average_decay)
struct DecideUpdate {
    DType dtype = DType::f32;
    const void* norm = nullptr;  // [1]: ‖gradients‖, unscaled; null where it is not known
    double gradient_scale = 1.0;
    double clip_norm = 0.0;      // 0: any norm; above 0 needs the norm
    double skip_outliers = 0.0;  // 0: none is skipped; above 0 needs the norm
    double average_decay = 0.0;
    bool scales_loss = false;  // needs the norm
    void* record = nullptr;    // UpdateRecord<T>
    void* state = nullptr;     // StepState<T>
    void* decision = nullptr;  // UpdateDecision<T>
};

template <class T>
constexpr void move_loss_scale(StepState<T>& state, bool finite) {
    const auto scaled = [&](double factor) {
        const double scale = static_cast<double>(state.loss_scale) * factor;
        return static_cast<T>(scale < LossScale::least  ? LossScale::least
                              : scale > LossScale::most ? LossScale::most
                                                        : scale);
    };
    state.followed_in_turn = finite ? state.followed_in_turn + T(1) : T(0);
    if (!finite) state.loss_scale = scaled(LossScale::backoff);
    if (state.followed_in_turn < T(LossScale::interval)) return;
    state.loss_scale = scaled(LossScale::growth);
    state.followed_in_turn = T(0);
}

/// A DecideUpdate's formula, which every device runs. `norm` is any number where args.norm is null.
template <class T>
constexpr UpdateDecision<T> decide(const DecideUpdate& args, T norm_of_gradients, StepState<T>& state,
                                   UpdateRecord<T>& record) {
    constexpr double memory = 0.98;  // how long a norm counts
    const bool known = args.norm != nullptr;
    const double scale =
        args.scales_loss ? args.gradient_scale / static_cast<double>(state.loss_scale) : args.gradient_scale;
    const double norm = known ? scale * static_cast<double>(norm_of_gradients) : 0.0;
    const auto usual = static_cast<double>(state.gradient_norm_ema);
    const bool guarded = args.clip_norm > 0.0 || args.skip_outliers > 0.0 || args.scales_loss;
    const bool outlier = args.skip_outliers > 0.0 && usual > 0.0 && norm > args.skip_outliers * usual;
    const bool useless = guarded && !is_finite(norm);
    const bool follows = state.healthy != T(0) && !outlier && !useless;
    const double clipped = args.clip_norm > 0.0 ? clip_coefficient(norm, args.clip_norm) : 1.0;
    const auto updates = static_cast<double>(state.average_updates);
    const Lerp lerp(updates == 0.0 ? 0.0 : warmed_up_decay(args.average_decay, updates));
    const UpdateDecision<T> decision{static_cast<T>(follows ? 1 : 0), static_cast<T>(scale * clipped),
                                     static_cast<T>(lerp.weight), static_cast<T>(lerp.from_value ? 1 : 0)};
    if (guarded && is_finite(norm)) {
        const double keep = usual > 0.0 ? memory : 0.0;
        state.gradient_norm_ema = static_cast<T>(keep * usual + (1.0 - keep) * norm);
    }
    if (follows) state.average_updates += T(1);
    if (args.scales_loss) move_loss_scale(state, is_finite(norm));
    record = {static_cast<T>(norm), decision.follows};
    return decision;
}

/// For each of `count` elements:
///
///     g = gradient_scale · gradient + weight_decay · value
///     b = g in the first step, else momentum · b + (1 − dampening) · g
///     g = g + momentum · b if nesterov, else b          (only with momentum)
///     value −= learning_rate · g
///
///     rounded = value in rounded_dtype                  (where it is wanted)
///
/// As torch.optim.SGD: the learning rate is not part of the buffer, and the first step takes no dampening.
struct SgdUpdate {
    DType dtype = DType::f32;
    int64_t count = 0;
    const void* gradient = nullptr;
    void* value = nullptr;
    void* momentum_buffer = nullptr;  // null exactly when momentum is 0
    double learning_rate = 0.0;
    double weight_decay = 0.0;
    double momentum = 0.0;
    double dampening = 0.0;
    bool nesterov = false;
    bool first_step = false;            // the momentum buffer holds nothing yet
    double gradient_scale = 1.0;        // 1/N for gradients summed over N batches, less to clip their norm
    const void* decision = nullptr;     // UpdateDecision<T>; null: the update is made, with gradient_scale
    void* rounded = nullptr;            // what the next step multiplies with; null: nobody
    DType rounded_dtype = DType::bf16;  // or f16, or dtype
};

/// Calls run.operator()<T, Rounded>() with the types of an update. Rounded is T where nobody wants `rounded`.
template <class Run>
void dispatch_update(const SgdUpdate& args, Run&& run) {
    if (args.rounded == nullptr || args.rounded_dtype == args.dtype)
        return dispatch_float(args.dtype, [&]<class T>() { run.template operator()<T, T>(); });
    if (args.dtype != DType::f32) throw std::logic_error("16-bit values stand beside f32 ones alone");
    dispatch_half(args.rounded_dtype, [&]<class Half>() { run.template operator()<float, Half>(); });
}

/// norm = √ Σ x² over `count` elements; 0 if there are none.
///
/// Neighbouring squares are summed in the elements' own type, and these sums in f64, in an order that follows
/// from the count alone. In f32, elements beyond 1e19 thus count as infinite and those below 1e-23 as 0.
struct L2Norm {
    DType dtype = DType::f32;
    int64_t count = 0;
    const void* data = nullptr;
    void* norm = nullptr;  // [1]
};

/// average = decay · average + (1 − decay) · value, rounded as torch.lerp does: the step is taken from the
/// nearer end, so that a decay of 0 copies the value to the bit and one of 1 leaves the average alone.
struct EmaUpdate {
    DType dtype = DType::f32;
    int64_t count = 0;
    const void* value = nullptr;
    void* average = nullptr;
    double decay = 0.0;
    const void* decision = nullptr;  // UpdateDecision<T>; null: the update is made, with `decay`
};

}  // namespace vitrine

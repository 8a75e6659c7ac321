// Fields of a scheduler that do nothing: see unused_fields.h.

#include "tools/recipe/unused_fields.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <optional>

#include "tools/recipe/describe_scheduler.h"

namespace vitrine::tools {
namespace {

using namespace optim;

using Sentence = std::optional<std::string>;

template <class Spec>
const Spec* is(const PlannedPhase& phase) {
    return std::get_if<Spec>(&phase.spec.kind);
}

int64_t steps_of(const PlannedPhase& phase) {
    return steps_of_scheduler(phase.spec, phase.batches_per_epoch, phase.epochs);
}

/// Bounds of the momentum that are not the default, of a scheduler that leaves it alone.
template <class Spec>
Sentence idle_momenta(const PlannedPhase& phase) {
    const Spec* spec = is<Spec>(phase);
    const Spec usual;
    if (spec == nullptr || spec->cycle_momentum) return {};
    if (spec->base_momentum == usual.base_momentum && spec->max_momentum == usual.max_momentum) return {};
    return fmt::format("base_momentum and max_momentum of {} are not used: cycle_momentum is false",
                       name_of(phase.spec.kind));
}

Sentence idle_gamma(const PlannedPhase& phase) {
    const auto* cyclic = is<CyclicSpec>(phase);
    if (cyclic == nullptr || cyclic->mode == CyclicMode::exp_range || cyclic->gamma == CyclicSpec{}.gamma)
        return {};
    return fmt::format("gamma {} of cyclic is not used: it is for mode = \"exp_range\"", cyclic->gamma);
}

Sentence late_milestones(const PlannedPhase& phase) {
    const auto* spec = is<MultiStepSpec>(phase);
    if (spec == nullptr) return {};
    std::vector<int64_t> late;
    std::ranges::copy_if(spec->milestones, std::back_inserter(late),
                         [&](int64_t milestone) { return milestone >= steps_of(phase); });
    // Where none is reached, nothing changes at all, which is said elsewhere.
    if (late.empty() || late.size() == spec->milestones.size()) return {};
    return fmt::format("multi_step never reaches {}: the phase ends after {}", fmt::join(late, ", "),
                       counted(steps_of(phase), phase.spec.per));
}

Sentence no_restart(const PlannedPhase& phase) {
    const auto* spec = is<CosineWarmRestartsSpec>(phase);
    if (spec == nullptr || spec->first_period < steps_of(phase)) return {};
    return fmt::format(
        "cosine_warm_restarts has a first_period of {}, but the phase ends after {}: it never "
        "restarts",
        counted(spec->first_period, phase.spec.per), counted(steps_of(phase), phase.spec.per));
}

/// The top of a cycle lies beyond the end.
Sentence unreached_top(const PlannedPhase& phase) {
    const auto* spec = is<CyclicSpec>(phase);
    if (spec == nullptr || spec->step_size_up < steps_of(phase) || spec->base_lr == spec->max_lr) return {};
    return fmt::format("cyclic never reaches its max_lr {}: step_size_up is {}, but the phase ends after {}",
                       spec->max_lr, counted(spec->step_size_up, phase.spec.per),
                       counted(steps_of(phase), phase.spec.per));
}

/// The cycle is over, and the phase is not.
Sentence over_early(const PlannedPhase& phase) {
    const auto* spec = is<OneCycleSpec>(phase);
    if (spec == nullptr || !spec->total_steps || *spec->total_steps >= steps_of(phase)) return {};
    return fmt::format(
        "one_cycle is over after its total_steps of {}: the rest of the phase's {} stays at a learning "
        "rate of {:.4g}",
        counted(*spec->total_steps, phase.spec.per), counted(steps_of(phase), phase.spec.per),
        phase.settings.back().learning_rate);
}

/// The first reduction, as ReduceOnPlateau makes it, is none.
Sentence nothing_to_reduce(const PlannedPhase& phase) {
    const auto* spec = is<ReduceOnPlateauSpec>(phase);
    if (spec == nullptr) return {};
    const double rate = phase.initial.learning_rate;
    const double reduced = std::max(rate * spec->factor, spec->min_lr);
    if (spec->min_lr > rate || rate - reduced > spec->eps) return {};
    return fmt::format(
        "reduce_on_plateau never lowers the learning rate {}: {}", rate,
        spec->min_lr == rate
            ? std::string("min_lr is as high")
            : fmt::format("the first reduction, to {}, is no more than eps, {}", reduced, spec->eps));
}

Sentence level_warmup(const PlannedPhase& phase) {
    if (!phase.spec.warmup || phase.spec.warmup->start_factor < 1.0) return {};
    return "warmup with a start_factor of 1 only delays the scheduler: it begins at the full rate";
}

Sentence idle_hold(const PlannedPhase& phase) {
    if (!phase.spec.hold || is<ConstantSpec>(phase) == nullptr) return {};
    return "hold is not used: constant stays anyway";
}

/// Kinds that rise by themselves begin at their lowest rate, and a hold is meant for the highest.
Sentence low_hold(const PlannedPhase& phase) {
    const auto* cycle = is<OneCycleSpec>(phase);
    const auto* cyclic = is<CyclicSpec>(phase);
    if (!phase.spec.hold || (cycle == nullptr && cyclic == nullptr)) return {};
    return fmt::format("hold comes before {} rises: it stays at the {:.3g} where that begins",
                       name_of(phase.spec.kind),
                       cycle != nullptr ? cycle->max_lr / cycle->div_factor : cyclic->base_lr);
}

Sentence two_warmups(const PlannedPhase& phase) {
    const auto* spec = is<OneCycleSpec>(phase);
    if (spec == nullptr || !phase.spec.warmup || spec->pct_start == 0.0) return {};
    return fmt::format(
        "one_cycle warms up by itself, for {:.3g}% of its steps (pct_start): warmup comes before "
        "that, and leads to the {:.3g} where it begins",
        100.0 * spec->pct_start, spec->max_lr / spec->div_factor);
}

}  // namespace

std::vector<std::string> unused_fields(const PlannedPhase& phase) {
    std::vector<std::string> sentences;
    for (const auto check :
         {idle_momenta<CyclicSpec>, idle_momenta<OneCycleSpec>, idle_gamma, late_milestones, no_restart,
          unreached_top, over_early, nothing_to_reduce, level_warmup, idle_hold, low_hold, two_warmups}) {
        if (const Sentence sentence = check(phase)) sentences.push_back(*sentence);
    }
    return sentences;
}

}  // namespace vitrine::tools

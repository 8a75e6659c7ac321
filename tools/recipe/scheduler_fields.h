// The keys of each kind of scheduler, with what is allowed: one list for reading, for writing and for
// telling.
#pragma once

#include <array>
#include <string_view>

#include "engine/optim/schedulers/spec.h"
#include "engine/toml_reader.h"

namespace vitrine::tools {

/// Whether a recipe has to say it.
enum class Need { must, may };

template <class Enum>
struct Name {
    std::string_view text;
    Enum value;
};
template <class Enum>
Name(const char*, Enum) -> Name<Enum>;  // which clang before 17 does not find by itself

/// In the order of optim::KindSpec.
inline constexpr std::array<std::string_view, std::variant_size_v<optim::KindSpec>> kind_names{
    "constant",          "step",      "multi_step", "exponential", "cyclic", "cosine", "cosine_warm_restarts",
    "reduce_on_plateau", "one_cycle", "polynomial"};
inline constexpr std::array pers{Name{"batch", optim::Per::batch}, Name{"epoch", optim::Per::epoch}};
inline constexpr std::array cyclic_modes{Name{"triangular", optim::CyclicMode::triangular},
                                         Name{"triangular2", optim::CyclicMode::triangular2},
                                         Name{"exp_range", optim::CyclicMode::exp_range}};
inline constexpr std::array metrics{Name{"val_loss", optim::Metric::val_loss},
                                    Name{"val_accuracy", optim::Metric::val_accuracy},
                                    Name{"train_loss", optim::Metric::train_loss}};
inline constexpr std::array threshold_modes{Name{"relative", optim::ThresholdMode::relative},
                                            Name{"absolute", optim::ThresholdMode::absolute}};
inline constexpr std::array anneals{Name{"cosine", optim::Anneal::cosine},
                                    Name{"linear", optim::Anneal::linear}};

template <class Enum, size_t count>
constexpr std::string_view name_in(const std::array<Name<Enum>, count>& names, Enum value) {
    for (const Name<Enum>& name : names) {
        if (name.value == value) return name.text;
    }
    return "?";
}

/// PyTorch's `mode` for a metric.
constexpr std::string_view better_direction(optim::Metric metric) {
    return metric == optim::Metric::val_accuracy ? "max" : "min";
}

inline constexpr Limits rates{0.0, 100.0};
inline constexpr Limits momenta{0.0, 0.9999};
inline constexpr Limits gammas{0.0, 10.0};
inline constexpr Limits divisors{1.0, 1e12};

// Each calls `fields` with its keys in turn: number(key, value, limits, need), whole(key, value, lowest,
// need), length(key, optional), flag(key, value), choice(key, value, names), milestones(key, values),
// length_or_share(key, value, key, optional).

template <class Fields>
void visit_fields(optim::ConstantSpec&, Fields&) {}

template <class Fields>
void visit_fields(optim::StepSpec& spec, Fields& fields) {
    fields.whole("step_size", spec.step_size, 1, Need::must);
    fields.number("gamma", spec.gamma, gammas);
}

template <class Fields>
void visit_fields(optim::MultiStepSpec& spec, Fields& fields) {
    fields.milestones("milestones", spec.milestones);
    fields.number("gamma", spec.gamma, gammas);
}

template <class Fields>
void visit_fields(optim::ExponentialSpec& spec, Fields& fields) {
    fields.number("gamma", spec.gamma, gammas, Need::must);
}

template <class Fields>
void visit_fields(optim::CyclicSpec& spec, Fields& fields) {
    fields.number("base_lr", spec.base_lr, rates, Need::must);
    fields.number("max_lr", spec.max_lr, rates, Need::must);
    fields.whole("step_size_up", spec.step_size_up, 1);
    fields.length("step_size_down", spec.step_size_down);
    fields.choice("mode", spec.mode, cyclic_modes);
    fields.number("gamma", spec.gamma, gammas);
    fields.flag("cycle_momentum", spec.cycle_momentum);
    fields.number("base_momentum", spec.base_momentum, momenta);
    fields.number("max_momentum", spec.max_momentum, momenta);
}

template <class Fields>
void visit_fields(optim::CosineSpec& spec, Fields& fields) {
    fields.length("period", spec.period);
    fields.number("min_lr", spec.min_lr, rates);
}

template <class Fields>
void visit_fields(optim::CosineWarmRestartsSpec& spec, Fields& fields) {
    fields.whole("first_period", spec.first_period, 1, Need::must);
    fields.whole("period_factor", spec.period_factor, 1);
    fields.number("min_lr", spec.min_lr, rates);
}

template <class Fields>
void visit_fields(optim::ReduceOnPlateauSpec& spec, Fields& fields) {
    fields.choice("metric", spec.metric, metrics);
    fields.number("factor", spec.factor, {0.0, 0.9999});
    fields.whole("patience", spec.patience, 0);
    fields.number("threshold", spec.threshold, {0.0, 0.9999});
    fields.choice("threshold_mode", spec.threshold_mode, threshold_modes);
    fields.whole("cooldown", spec.cooldown, 0);
    fields.number("min_lr", spec.min_lr, rates);
    fields.number("eps", spec.eps, {0.0, 1.0});
}

template <class Fields>
void visit_fields(optim::OneCycleSpec& spec, Fields& fields) {
    fields.number("max_lr", spec.max_lr, rates, Need::must);
    fields.length("total_steps", spec.total_steps);
    fields.number("pct_start", spec.pct_start, share);
    fields.choice("anneal", spec.anneal, anneals);
    fields.flag("cycle_momentum", spec.cycle_momentum);
    fields.number("base_momentum", spec.base_momentum, momenta);
    fields.number("max_momentum", spec.max_momentum, momenta);
    fields.number("div_factor", spec.div_factor, divisors);
    fields.number("final_div_factor", spec.final_div_factor, divisors);
    fields.flag("three_phase", spec.three_phase);
}

template <class Fields>
void visit_fields(optim::PolynomialSpec& spec, Fields& fields) {
    fields.length("total_steps", spec.total_steps);
    fields.number("power", spec.power, {0.0, 100.0});
}

template <class Fields>
void visit_fields(optim::Warmup& warmup, Fields& fields) {
    fields.length_or_share("length", warmup.length, "share", warmup.share);
    fields.number("start_factor", warmup.start_factor, {1e-6, 1.0});
}

template <class Fields>
void visit_fields(optim::Hold& hold, Fields& fields) {
    fields.length_or_share("length", hold.length, "share", hold.share);
}

}  // namespace vitrine::tools

// Settings that do nothing: see unused_settings.h.

#include "tools/recipe/unused_settings.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "engine/escape.h"
#include "tools/recipe/describe_scheduler.h"

namespace vitrine::recipe {
namespace {

/// What a scheduler uses in place of the phase's own value: from one bound to the other.
struct Instead {
    const char *low_key, *high_key;
    double low, high;

    bool holds(double value) const { return value == low || value == high; }
    std::string to_string() const {
        if (low == high) return fmt::format("{} {}", high_key, high);
        return fmt::format("{} {} and {} {}", low_key, low, high_key, high);
    }
};

std::optional<Instead> rates_of(const optim::KindSpec& kind) {
    if (const auto* cycle = std::get_if<optim::OneCycleSpec>(&kind))
        return Instead{"max_lr", "max_lr", cycle->max_lr, cycle->max_lr};
    if (const auto* cyclic = std::get_if<optim::CyclicSpec>(&kind))
        return Instead{"base_lr", "max_lr", cyclic->base_lr, cyclic->max_lr};
    return std::nullopt;
}

template <class Spec>
std::optional<Instead> momenta_in(const optim::KindSpec& kind) {
    const auto* spec = std::get_if<Spec>(&kind);
    if (spec == nullptr || !spec->cycle_momentum) return std::nullopt;
    return Instead{"base_momentum", "max_momentum", spec->base_momentum, spec->max_momentum};
}

std::optional<Instead> momenta_of(const optim::KindSpec& kind) {
    const auto cycle = momenta_in<optim::OneCycleSpec>(kind);
    return cycle ? cycle : momenta_in<optim::CyclicSpec>(kind);
}

bool is_used(const std::optional<Instead>& instead, double value) {
    return !instead || instead->holds(value);
}

/// What a phase's table says, with what the phase came to.
struct Subject {
    const toml::table* table;  // null: nothing was said
    const PhaseSettings& phase;
    size_t number;  // from 1
    int64_t early_stopping;
    bool init_optimizer;

    bool says(std::string_view key) const { return table != nullptr && table->contains(key); }
};

using Sentence = std::optional<std::string>;

Sentence idle_rate(const Subject& subject) {
    const PhaseSettings& phase = subject.phase;
    if (!subject.says("lr") || uses_learning_rate(phase)) return {};
    return fmt::format("lr {} is not used: {} goes by its own {}", phase.learning_rate,
                       tools::name_of(phase.scheduler.kind), rates_of(phase.scheduler.kind)->to_string());
}

Sentence idle_momentum(const Subject& subject) {
    const PhaseSettings& phase = subject.phase;
    if (!subject.says("momentum") || uses_momentum(phase)) return {};
    return fmt::format(
        "momentum {} is not used: {} moves it between its own {} (cycle_momentum = false leaves "
        "it alone)",
        phase.momentum, tools::name_of(phase.scheduler.kind), momenta_of(phase.scheduler.kind)->to_string());
}

Sentence nothing_decays(const Subject& subject) {
    if (subject.phase.decay_norms_and_biases || subject.phase.weight_decay > 0.0) return {};
    return "decay_norms_and_biases is not used: there is no weight_decay";
}

Sentence nothing_frozen(const Subject& subject) {
    if (!subject.phase.freeze_norms || !subject.phase.freeze.empty()) return {};
    return "freeze_norms is not used: nothing is frozen (freeze)";
}

Sentence nothing_to_reset(const Subject& subject) {
    if (!subject.phase.reset_momentum || subject.number > 1) return {};
    if (subject.init_optimizer)
        return "init_optimizer is not used: the first phase begins with reset_momentum";
    return "reset_momentum of the first phase does nothing: there is no momentum before it";
}

/// Patience against patience: the phase is over before the rate would be lowered.
Sentence stopped_before_reduced(const Subject& subject) {
    const auto* plateau = std::get_if<optim::ReduceOnPlateauSpec>(&subject.phase.scheduler.kind);
    if (plateau == nullptr || plateau->metric != optim::Metric::val_accuracy) return {};
    if (subject.early_stopping == 0 || subject.early_stopping > plateau->patience) return {};
    return fmt::format(
        "reduce_on_plateau waits for more than {} epochs without a better val_accuracy (patience), but "
        "early_stopping ends the phase after {}",
        plateau->patience, subject.early_stopping);
}

void add_phases(const toml::table& table, const Recipe& recipe, std::vector<std::string>& sentences) {
    const toml::array* phases = table["phase"].as_array();
    for (size_t i = 0; i < recipe.phases.size(); ++i) {
        const toml::table* own = phases == nullptr ? nullptr : (*phases)[i].as_table();
        const Subject subject{own, recipe.phases[i], i + 1, recipe.training.early_stopping,
                              recipe.model.init_optimizer};
        for (const auto check : {idle_rate, idle_momentum, nothing_decays, nothing_frozen, nothing_to_reset,
                                 stopped_before_reduced}) {
            const Sentence sentence = check(subject);
            if (!sentence) continue;
            sentences.push_back(recipe.phases.size() == 1
                                    ? *sentence
                                    : fmt::format("phase {}: {}", escape(subject.phase.name), *sentence));
        }
    }
}

/// More epochs without a better accuracy than any phase has after its first.
Sentence patience_without_end(const Recipe& recipe) {
    const int64_t patience = recipe.training.early_stopping;
    const auto longest = std::ranges::max_element(recipe.phases, {}, &PhaseSettings::epochs);
    if (patience == 0 || patience < longest->epochs) return {};
    return fmt::format("training.early_stopping {} never ends a phase: {} {} epochs", patience,
                       recipe.phases.size() == 1 ? "it has" : "the longest has", longest->epochs);
}

Sentence all_smoothed(const Recipe& recipe) {
    if (recipe.training.label_smoothing < 1.0) return {};
    return "training.label_smoothing 1 leaves nothing to learn: the target is the same for every class";
}

/// A size that was asked for, while another is what the network sees.
Sentence kept_at_another_size(const Recipe& recipe) {
    const int64_t kept = recipe.data.image_size, seen = recipe.transforms.train.resize;
    if (kept == 0 || seen == 0 || kept == seen || recipe.data.image_shape != ImageShape::square) return {};
    return fmt::format(
        "data.image_size {} is only the size at which images are kept: transforms.resize makes them {} "
        "for the network",
        kept, seen);
}

/// Ops that were given a chance of 0, wherever they stand.
void add_idle_ops(const toml::node& node, std::vector<std::string>& sentences) {
    if (const toml::array* list = node.as_array()) {
        for (const toml::node& each : *list) add_idle_ops(each, sentences);
    }
    const toml::table* op = node.as_table();
    if (op == nullptr) return;
    const std::string name = (*op)["op"].value_or<std::string>("random_erasing");
    if ((*op)["p"].is_number() && (*op)["p"].value<double>() == 0.0)
        sentences.push_back(fmt::format("{} with p = 0 is never applied", name));
    else if ((*op)["num_ops"].value<int64_t>() == 0)
        sentences.push_back(fmt::format("{} with num_ops = 0 does nothing", name));
    else if (name == "color_jitter" && op->size() == 1)
        sentences.push_back("color_jitter without brightness, contrast, saturation or hue does nothing");
    if (const toml::node* of = op->get("of")) add_idle_ops(*of, sentences);
}

}  // namespace

bool uses_learning_rate(const PhaseSettings& phase) {
    return is_used(rates_of(phase.scheduler.kind), phase.learning_rate);
}

bool uses_momentum(const PhaseSettings& phase) {
    return is_used(momenta_of(phase.scheduler.kind), phase.momentum);
}

double top_learning_rate(const PhaseSettings& phase) {
    const std::optional<Instead> rates = rates_of(phase.scheduler.kind);
    return rates ? rates->high : phase.learning_rate;
}

std::vector<std::string> unused_settings(const toml::table& table, const Recipe& recipe) {
    std::vector<std::string> sentences;
    for (const auto check : {kept_at_another_size, all_smoothed, patience_without_end}) {
        if (const Sentence sentence = check(recipe)) sentences.push_back(*sentence);
    }
    for (const char* key : {"augment", "erasing"}) {
        if (const toml::node* node = recipe.transforms_table.get(key)) add_idle_ops(*node, sentences);
    }
    add_phases(table, recipe, sentences);
    return sentences;
}

}  // namespace vitrine::recipe

// What a phase trains of a model: see trained_parts.h.

#include "tools/train/trained_parts.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <fnmatch.h>

#include <algorithm>
#include <string_view>
#include <vector>

#include "engine/error.h"
#include "engine/escape.h"
#include "models/models.h"
#include "tools/common/units.h"
#include "tools/recipe/unused_settings.h"
#include "tools/train/phase_plan.h"

namespace vitrine::train {
namespace {

/// The patterns between the commas.
std::vector<std::string> patterns_of(std::string_view freeze) {
    std::vector<std::string> patterns;
    while (!freeze.empty()) {
        const size_t comma = std::min(freeze.find(','), freeze.size());
        std::string_view pattern = freeze.substr(0, comma);
        freeze.remove_prefix(std::min(comma + 1, freeze.size()));
        const size_t begin = pattern.find_first_not_of(' ');
        pattern = begin == std::string_view::npos
                      ? ""
                      : pattern.substr(begin, pattern.find_last_not_of(' ') + 1 - begin);
        patterns.emplace_back(pattern);
    }
    return patterns;
}

/// Its own name, or that of a part of the model that it belongs to.
bool matches(const std::string& pattern, const std::string& name) {
    return ::fnmatch(pattern.c_str(), name.c_str(), 0) == 0 ||
           ::fnmatch((pattern + ".*").c_str(), name.c_str(), 0) == 0;
}

bool is_frozen(const std::vector<std::string>& patterns, const std::string& name) {
    return std::ranges::any_of(patterns, [&](const std::string& pattern) { return matches(pattern, name); });
}

/// The parts of the model two levels deep: "features.0, features.1, …, classifier.1".
std::string parts_of(const std::vector<nn::NamedParameter>& parameters) {
    std::vector<std::string> parts;
    for (const nn::NamedParameter& named : parameters) {
        std::string part = named.name.substr(0, named.name.rfind('.'));
        if (const size_t first = part.find('.'); first != std::string::npos)
            part = part.substr(0, part.find('.', first + 1));
        if (std::ranges::find(parts, part) == parts.end()) parts.push_back(part);
    }
    return fmt::format("{}", fmt::join(parts, ", "));
}

/// Batch norms of which nothing is trained; and the convolution before such a one, so that it leaves no moments for it.
void keep_frozen_norms(nn::Module& model, const std::vector<std::string>& patterns, bool keep) {
    nn::Module* before = nullptr;
    model.for_each_module([&](const std::string& path, nn::Module& module) {
        const bool kept = keep && module.kind() == "BatchNorm2d" &&
                          std::ranges::all_of(module.own_parameters(), [&](const nn::Parameter& parameter) {
                              return parameter.role != nn::Role::trained ||
                                     is_frozen(patterns, path + "." + parameter.name);
                          });
        module.keep_in_evaluation(kept);
        if (kept && before->kind() == "Conv2d") before->keep_in_evaluation(true);
        before = &module;
    });
}

}  // namespace

void check_trained_parts(const recipe::PhaseSettings& phase, const std::string& model_name,
                         nn::Module& model) {
    const std::vector<nn::NamedParameter> trainable = model.trainable();
    const std::vector<std::string> patterns = patterns_of(phase.freeze);
    for (const std::string& pattern : patterns) {
        if (std::ranges::none_of(trainable, [&](const auto& named) { return matches(pattern, named.name); }))
            throw Error(fmt::format("freeze of {}: no parameter of {} matches '{}'; its parts are {}",
                                    escape(phase.name), model_name, escape(pattern), parts_of(trainable)));
    }
    if (std::ranges::all_of(trainable, [&](const auto& named) { return is_frozen(patterns, named.name); }))
        throw Error(fmt::format("freeze of {}: '{}' is the whole {}, and leaves nothing to train",
                                escape(phase.name), escape(phase.freeze), model_name));
}

bool freezes(const recipe::PhaseSettings& phase, const std::string& name) {
    return is_frozen(patterns_of(phase.freeze), name);
}

void set_trained_parts(const recipe::PhaseSettings& phase, const std::string& model_name, nn::Module& model,
                       TrainingStep& step) {
    const std::vector<std::string> patterns = patterns_of(phase.freeze);
    const std::vector<nn::NamedParameter>& parameters = step.state().parameters();
    step.state().freeze([&](size_t index) { return is_frozen(patterns, parameters[index].name); });
    keep_frozen_norms(model, patterns, phase.freeze_norms);
    optim::SgdOptions options = sgd_options(phase);
    if (phase.head_learning_rate) {
        const models::ModelInfo& info = models::model_from_name(model_name);
        const double factor = *phase.head_learning_rate / recipe::top_learning_rate(phase);
        for (const nn::NamedParameter& named : parameters)
            options.rate_factors.push_back(info.is_of_head(named.name) ? factor : 1.0);
    }
    step.optimiser().set_options(options);
}

std::string describe_trained_parts(const recipe::PhaseSettings& phase, nn::Module& model) {
    const std::vector<std::string> patterns = patterns_of(phase.freeze);
    int64_t frozen = 0, all = 0;
    for (const nn::NamedParameter& named : model.trainable()) {
        all += named.value().count();
        if (is_frozen(patterns, named.name)) frozen += named.value().count();
    }
    return fmt::format("{}: {} of {} parameters are frozen, {} are trained", escape(phase.name),
                       tools::grouped(frozen), tools::grouped(all), tools::grouped(all - frozen));
}

}  // namespace vitrine::train

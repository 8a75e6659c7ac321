// A run that begins with the momentum of another: see initial_optimizer.h.

#include "tools/train/initial_optimizer.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <set>
#include <utility>
#include <vector>

#include "engine/checkpoint.h"
#include "engine/error.h"
#include "engine/torch_optimizer.h"
#include "models/models.h"
#include "tools/train/mismatches.h"
#include "tools/train/optimizer_order.h"
#include "tools/train/trained_parts.h"

namespace vitrine::train {
namespace {

constexpr const char* momentum_prefix = "momentum.";

/// The model's, in the order of the file, which is that of the model that it was saved from.
std::vector<OrderedParameter> parameters_in(const SafeTensors& state, const recipe::Recipe& recipe,
                                            nn::Module& outline) {
    std::set<std::string> trainable, of_norms;
    for (const nn::NamedParameter& named : outline.trainable()) trainable.insert(named.name);
    outline.for_each_module([&](const std::string& path, nn::Module& module) {
        if (module.kind() != "BatchNorm2d") return;
        for (const nn::Parameter& parameter : module.own_parameters())
            of_norms.insert(path + "." + parameter.name);
    });
    const models::ModelInfo& info = models::model_from_name(recipe.model.name);
    std::vector<OrderedParameter> parameters;
    for (const SafeTensor& tensor : state.tensors) {
        if (!trainable.contains(tensor.name)) continue;
        parameters.push_back({.name = tensor.name,
                              .shape = tensor.shape,
                              .is_norm = of_norms.contains(tensor.name),
                              .is_head = info.is_of_head(tensor.name),
                              .is_trained = !freezes(recipe.phases.front(), tensor.name)});
    }
    return parameters;
}

/// One of the settings for sentences.
struct Setting {
    const char* name;
    double (*value)(const UpdateSettings&);
};
constexpr std::array settings{
    Setting{"learning rate", [](const UpdateSettings& each) { return each.learning_rate; }},
    Setting{"momentum", [](const UpdateSettings& each) { return each.momentum; }},
    Setting{"weight decay", [](const UpdateSettings& each) { return each.weight_decay; }},
    Setting{"nesterov", [](const UpdateSettings& each) { return each.nesterov ? 1.0 : 0.0; }}};

bool differ(double a, double b) {
    constexpr double rounding = 1e-6;  // two ways to write a schedule
    return std::abs(a - b) > rounding * std::max(std::abs(a), std::abs(b));
}

void tell_differences(const InitialOptimizer& optimizer, const NextUpdate& first, nn::Module& model,
                      const std::string& source, Reporter& reporter) {
    for (const Setting& setting : settings) {
        std::map<std::pair<double, double>, int64_t> counts;  // by the file's value and the recipe's
        int64_t all = 0;
        for (const nn::NamedParameter& named : model.trainable()) {
            const auto known = optimizer.parameters.find(named.name);
            if (known == optimizer.parameters.end()) continue;
            ++all;
            const double in_file = setting.value(known->second.settings);
            const double in_recipe = setting.value(first.of(named));
            if (differ(in_file, in_recipe)) ++counts[{in_file, in_recipe}];
        }
        for (const auto& [values, count] : counts)
            reporter.notice(fmt::format(
                "the optimiser in {} has {} {}{}; the run begins with the recipe's, {}", source, setting.name,
                values.first, count == all ? "" : fmt::format(" for {} of {} parameters", count, all),
                values.second));
    }
}

}  // namespace

InitialOptimizer optimizer_in(const SafeTensors& checkpoint, nn::Module& outline) {
    const NextUpdate next = next_update_of(checkpoint);
    InitialOptimizer optimizer;
    for (const nn::NamedParameter& named : outline.trainable()) {
        InitialOptimizer::Parameter& parameter = optimizer.parameters[named.name];
        parameter.settings = next.of(named);
        if (const SafeTensor* buffer = checkpoint.find(momentum_prefix + named.name))
            parameter.momentum = *buffer;
    }
    return optimizer;
}

InitialOptimizer optimizer_in_torch_file(const std::string& content, const SafeTensors& state,
                                         const recipe::Recipe& recipe, nn::Module& outline,
                                         const std::string& source) {
    TorchOptimizer found = parse_torch_optimizer(content, source);
    std::vector<std::string> names;
    try {
        names = names_in_order(found, parameters_in(state, recipe, outline));
    } catch (const Error& error) {
        throw Error(fmt::format("{} {}", source, error.what()));
    }
    InitialOptimizer optimizer;
    auto name = names.begin();
    for (const TorchOptimizer::Group& group : found.groups) {
        for (const std::string& key : group.parameters) {
            InitialOptimizer::Parameter& parameter = optimizer.parameters[*name];
            parameter.settings = {group.learning_rate, group.momentum, group.weight_decay, group.nesterov};
            if (const auto buffer = found.momentum.find(key); buffer != found.momentum.end()) {
                parameter.momentum = std::move(buffer->second);
                parameter.momentum->name = momentum_prefix + *name;
            }
            ++name;
        }
    }
    return optimizer;
}

void check_optimizer(const InitialOptimizer& optimizer, const std::string& model, nn::Module& outline,
                     const std::string& source, Reporter& reporter) {
    const models::ModelInfo& info = models::model_from_name(model);
    std::vector<Mismatch> mismatches;
    for (const nn::NamedParameter& named : outline.trainable()) {
        const auto known = optimizer.parameters.find(named.name);
        if (known == optimizer.parameters.end() || !known->second.momentum || info.is_of_head(named.name))
            continue;
        const Shape &in_file = known->second.momentum->shape, &wanted = named.parameter->layout.shape;
        if (in_file != wanted)
            mismatches.push_back({has_another_shape, momentum_prefix + named.name,
                                  both_shapes(in_file.to_string(), wanted.to_string())});
        else
            values_for(*named.parameter, *known->second.momentum, source);
    }
    if (mismatches.empty()) return;
    tell_mismatches(mismatches, reporter);
    const Mismatch& first = mismatches.front();
    throw Error(
        fmt::format("the optimiser in {} does not fit {}: {} of its momentum buffers differ; {} {} ({})",
                    source, model, mismatches.size(), first.name, first.what, first.shapes));
}

void load_optimizer(const InitialOptimizer& optimizer, const NextUpdate& first, bool new_head,
                    nn::Module& model, optim::Sgd& sgd, const std::string& source, Reporter& reporter) {
    const models::ModelInfo& info = models::model_from_name(first.model);
    SafeTensors state;
    for (const auto& [name, parameter] : optimizer.parameters) {
        if (parameter.momentum && !(new_head && info.is_of_head(name)))
            state.tensors.push_back(*parameter.momentum);
    }
    sgd.load_state(state, source);
    reporter.notice(fmt::format("begins with the momentum of {}, for {} of {} parameters", source,
                                state.tensors.size(), model.trainable().size()));
    tell_differences(optimizer, first, model, source, reporter);
}

}  // namespace vitrine::train

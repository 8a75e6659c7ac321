// The registry of models: see models.h.

#include "models/models.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "engine/error.h"
#include "engine/fusion.h"
#include "engine/memory.h"
#include "engine/nn/layers.h"
#include "models/basic_block_net.h"
#include "models/mobilenet_v2.h"
#include "models/resnet18.h"

namespace vitrine::models {

namespace {

/// Throws Error unless each option of the model is one that it can have.
void check_options(const ModelInfo& model, const ModelVariant& variant) {
    for (const ModelOption& option : model.options) {
        const double number = variant.*option.value;
        if (option.allows(number)) continue;
        throw Error(fmt::format("{}: {} {} is not in {}{}, {}{}", model.name, option.key, number,
                                option.low_open ? '(' : '[', option.low, option.high,
                                option.high_open ? ')' : ']'));
    }
}

}  // namespace

bool ModelInfo::has(const ModelOption& option) const {
    return std::ranges::find(options, option.value, &ModelOption::value) != options.end();
}

bool ModelInfo::is_of_head(std::string_view parameter) const {
    const std::string_view module = head;
    return parameter.starts_with(module) && parameter.substr(module.size()).starts_with('.');
}

bool ModelOption::allows(double number) const {
    return (low_open ? number > low : number >= low) && (high_open ? number < high : number <= high);
}

std::string ModelOption::flag() const {
    std::string text = fmt::format("--{}", key);
    std::ranges::replace(text, '_', '-');
    return text;
}

const std::vector<ModelInfo>& all_models() {
    static const std::vector<ModelInfo> models{basic_block_net(), mobilenet_v2(), resnet18()};
    return models;
}

std::vector<std::string> model_names() {
    std::vector<std::string> names;
    for (const ModelInfo& model : all_models()) names.emplace_back(model.name);
    return names;
}

const std::vector<ModelOption>& all_model_options() {
    static const std::vector<ModelOption> options = [] {
        std::vector<ModelOption> all;
        for (const ModelInfo& model : all_models()) {
            for (const ModelOption& option : model.options) {
                if (std::ranges::find(all, option.value, &ModelOption::value) == all.end())
                    all.push_back(option);
            }
        }
        return all;
    }();
    return options;
}

const ModelInfo& default_model() { return basic_block_net(); }
const ModelInfo& benchmark_model() { return mobilenet_v2(); }

std::string models_with(const ModelOption& option) {
    std::string names;
    for (const ModelInfo& model : all_models()) {
        if (model.has(option)) names += fmt::format("{}{}", names.empty() ? "" : ", ", model.name);
    }
    return names;
}

const ModelInfo& model_from_name(std::string_view name) {
    for (const ModelInfo& model : all_models()) {
        if (name == model.name) return model;
    }
    throw Error(fmt::format("unknown model '{}': choose one of {}", name, fmt::join(model_names(), ", ")));
}

std::shared_ptr<nn::Module> make_outline(std::string_view name, const ModelOptions& options) {
    const ShapesOnly shapes_only;
    return make_blank_model(name, options, {});
}

std::shared_ptr<nn::Module> make_blank_model(std::string_view name, const ModelOptions& options,
                                             Placement placement) {
    const ModelInfo& info = model_from_name(name);
    if (options.classes < 1)
        throw Error(fmt::format("{} classes: a model needs at least one", options.classes));
    check_options(info, options.variant);
    ModelOptions resolved = options;
    if (resolved.image_size == 0) resolved.image_size = info.image_size;
    std::shared_ptr<nn::Module> model = info.build(resolved, placement);
    model->set_fused(fuses(placement.device));
    model->set_writes_all(writes_all());
    return model;
}

std::shared_ptr<nn::Module> make_model(std::string_view name, const ModelOptions& options,
                                       Placement placement, uint64_t seed) {
    std::shared_ptr<nn::Module> model = make_blank_model(name, options, placement);
    nn::initialise(*model, seed);
    return model;
}

}  // namespace vitrine::models

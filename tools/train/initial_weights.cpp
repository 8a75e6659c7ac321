// A run that begins with weights from a file: see initial_weights.h.

#include "tools/train/initial_weights.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/checkpoint.h"
#include "engine/error.h"
#include "engine/escape.h"
#include "engine/input_file.h"
#include "engine/torch_archive.h"
#include "models/models.h"
#include "tools/common/weights_file.h"
#include "tools/train/mismatches.h"

namespace vitrine::train {
namespace {

std::vector<Mismatch> compare(const std::vector<nn::NamedParameter>& wanted, const SafeTensors& state) {
    std::vector<Mismatch> mismatches;
    std::set<std::string_view> known;
    for (const nn::NamedParameter& named : wanted) {
        known.insert(named.name);
        const Shape& shape = named.parameter->layout.shape;
        const SafeTensor* tensor = state.find(named.name);
        if (tensor == nullptr && named.parameter->role == nn::Role::counter) continue;
        if (tensor == nullptr)
            mismatches.push_back({is_missing, named.name, fmt::format("{} in the model", shape.to_string())});
        else if (tensor->shape != shape)
            mismatches.push_back(
                {has_another_shape, named.name, both_shapes(tensor->shape.to_string(), shape.to_string())});
    }
    for (const SafeTensor& tensor : state.tensors) {
        if (!known.contains(tensor.name))
            mismatches.push_back(
                {is_left_over, escape(tensor.name), fmt::format("{} in the file", tensor.shape.to_string())});
    }
    return mismatches;
}

[[noreturn]] void refuse(const std::vector<Mismatch>& mismatches, const std::string& path,
                         const models::ModelInfo& model, Reporter& reporter) {
    tell_mismatches(mismatches, reporter);
    const Mismatch& first = mismatches.front();
    throw Error(fmt::format("--init {} does not fit {}: {} of the tensors differ; {} {} ({})", path,
                            model.name, mismatches.size(), first.name, first.what, first.shapes));
}

/// Why the head is made anew; empty: it is taken from the file.
std::string why_new_head(const std::vector<Mismatch>& of_head, const SafeTensors& state,
                         const tools::ModelDescription& description, const std::string& path) {
    if (!of_head.empty())
        return fmt::format("{} {} there ({})", of_head.front().name, of_head.front().what,
                           of_head.front().shapes);
    const auto described = tools::description_in(state, path);
    if (described && described->classes != description.classes) return "that one is of other classes";
    return "";
}

void require_same_model(const SafeTensors& state, const std::string& path, const models::ModelInfo& model) {
    const auto named = state.metadata.find("model");
    if (named != state.metadata.end() && named->second != model.name)
        throw Error(fmt::format("--init {} holds a {}, but the recipe's model is {}: choose it with --model",
                                path, escape(named->second), model.name));
}

/// Those of the head, and the others.
std::pair<std::vector<Mismatch>, std::vector<Mismatch>> split(std::vector<Mismatch> all,
                                                              const models::ModelInfo& model) {
    const auto others = std::stable_partition(
        all.begin(), all.end(), [&](const Mismatch& mismatch) { return model.is_of_head(mismatch.name); });
    std::vector<Mismatch> not_of_head(others, all.end());
    all.erase(others, all.end());
    return {std::move(all), std::move(not_of_head)};
}

tools::WeightsFile read_both(const std::string& path, const recipe::Recipe& recipe, nn::Module& outline,
                             std::optional<InitialOptimizer>& optimizer) {
    const std::string content = read_file(path);
    tools::WeightsFile file = tools::parse_tensors(content, path);
    if (tools::is_checkpoint(file.state)) {
        const SafeTensors checkpoint = std::exchange(file.state, tools::part_of(file.state, "model."));
        file.notices.push_back(
            fmt::format("{} is a run's checkpoint: its plain weights are used, as they go with the "
                        "momentum",
                        path));
        optimizer = optimizer_in(checkpoint, outline);
    } else if (looks_like_torch_file(content)) {
        optimizer = optimizer_in_torch_file(content, file.state, recipe, outline, path);
    } else {
        throw Error(fmt::format(
            "--init-optimizer: {} holds weights alone; an optimiser is in a run's checkpoints/, and in "
            "files of torch.save that have one beside their state_dict",
            path));
    }
    return file;
}

}  // namespace

InitialState read_initial_state(const recipe::Recipe& recipe, nn::Module& outline, Reporter& reporter) {
    const models::ModelInfo& info = models::model_from_name(recipe.model.name);
    InitialState state{.source = unescape(recipe.model.init), .weights = {}, .optimizer = {}};
    tools::WeightsFile file = recipe.model.init_optimizer
                                  ? read_both(state.source, recipe, outline, state.optimizer)
                                  : tools::read_weights(state.source);
    for (const std::string& notice : file.notices) reporter.notice(notice);
    require_same_model(file.state, state.source, info);
    const std::vector<nn::NamedParameter> wanted = outline.state();
    const auto [of_head, others] = split(compare(wanted, file.state), info);
    if (!others.empty()) refuse(others, state.source, info, reporter);
    for (const nn::NamedParameter& named : wanted) {
        const SafeTensor* tensor = file.state.find(named.name);
        if (tensor != nullptr && !info.is_of_head(named.name))
            values_for(*named.parameter, *tensor, state.source);
    }
    if (state.optimizer)
        check_optimizer(*state.optimizer, recipe.model.name, outline, state.source, reporter);
    state.weights = std::move(file.state);
    return state;
}

bool load_initial_weights(const InitialState& state, nn::Module& model,
                          const tools::ModelDescription& description, Reporter& reporter) {
    const models::ModelInfo& info = models::model_from_name(description.model);
    const std::vector<nn::NamedParameter> wanted = model.state();
    const auto [of_head, others] = split(compare(wanted, state.weights), info);
    if (!others.empty()) refuse(others, state.source, info, reporter);
    const std::string new_head = why_new_head(of_head, state.weights, description, state.source);

    std::vector<std::pair<Tensor*, std::vector<double>>> values;
    for (const nn::NamedParameter& named : wanted) {
        const SafeTensor* tensor = state.weights.find(named.name);
        if (tensor == nullptr || (!new_head.empty() && info.is_of_head(named.name))) continue;
        values.emplace_back(&named.value(), values_for(*named.parameter, *tensor, state.source));
    }
    for (auto& [tensor, numbers] : values) tensor->assign(std::span<const double>(numbers));
    reporter.notice(new_head.empty() ? fmt::format("begins with the weights of {}", state.source)
                                     : fmt::format("begins with the weights of {}, but for a new head: {}",
                                                   state.source, new_head));
    return !new_head.empty();
}

}  // namespace vitrine::train

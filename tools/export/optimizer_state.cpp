// A run's optimiser as torch.optim.SGD's: see optimizer_state.h.

#include "tools/export/optimizer_state.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "engine/error.h"
#include "engine/optim/schedulers/phase_scheduler.h"
#include "engine/parse_toml.h"
#include "models/models.h"
#include "tools/recipe/recipe.h"
#include "tools/recipe/unused_settings.h"
#include "tools/train/phase_plan.h"
#include "tools/train/run_state.h"

namespace vitrine::exporting {
namespace {

TorchValue key(const char* name) { return {std::string(name)}; }

/// What the next step of the run would be taken with.
struct Settings {
    std::string model;
    recipe::PhaseSettings phase;
    optim::Hyperparameters next;
};

Settings settings_in(const SafeTensors& checkpoint) {
    const recipe::Recipe recipe =
        recipe::parse_recipe(parse_toml(train::recipe_in(checkpoint), "its recipe"), "its recipe");
    const train::Progress progress = train::progress_in(checkpoint);
    // Of a finished run the last phase's: the optimiser is as it was left.
    const auto phase =
        static_cast<size_t>(std::clamp<int64_t>(progress.phase(), 0, std::ssize(recipe.phases) - 1));
    Settings settings{recipe.model.name, recipe.phases[phase], {}};
    const int64_t steps_per_epoch =
        std::max<int64_t>(progress.batches_per_epoch / recipe.training.accumulate, 1);
    optim::PhaseScheduler scheduler =
        train::make_scheduler({settings.phase, 0, settings.phase.epochs}, steps_per_epoch);
    scheduler.set_state(checkpoint.at("scheduler").values());
    settings.next = scheduler.setting();
    return settings;
}

/// Those that the optimiser has met, under their places in model.parameters().
TorchDict momentum_buffers(const SafeTensors& checkpoint, const std::vector<nn::NamedParameter>& parameters) {
    TorchDict state;
    for (size_t i = 0; i < parameters.size(); ++i) {
        const SafeTensor* buffer = checkpoint.find("momentum." + parameters[i].name);
        if (buffer == nullptr) continue;
        const Shape& shape = parameters[i].parameter->layout.shape;
        if (buffer->shape != shape)
            throw Error(fmt::format("tensor {} has shape {}, but the model needs {}", buffer->name,
                                    buffer->shape.to_string(), shape.to_string()));
        TorchDict of_parameter{{{key("momentum_buffer"), {*buffer}}}};
        state.items.push_back({{static_cast<int64_t>(i)}, {std::move(of_parameter)}});
    }
    return state;
}

/// What parameters of one group have in common.
struct Group {
    double weight_decay = 0.0;
    double learning_rate = 0.0;
    TorchList places;
};

TorchDict as_torch(const Settings& settings, Group group) {
    return {{{key("lr"), {group.learning_rate}},
             {key("momentum"), {settings.next.momentum}},
             {key("dampening"), {0.0}},
             {key("weight_decay"), {group.weight_decay}},
             {key("nesterov"), {settings.phase.nesterov}},
             {key("maximize"), {false}},
             {key("foreach"), {}},
             {key("differentiable"), {false}},
             {key("params"), {std::move(group.places)}}}};
}

TorchList groups_of(const Settings& settings, const std::vector<nn::NamedParameter>& parameters) {
    const recipe::PhaseSettings& phase = settings.phase;
    const models::ModelInfo& info = models::model_from_name(settings.model);
    const double of_head =
        phase.head_learning_rate ? *phase.head_learning_rate / recipe::top_learning_rate(phase) : 1.0;
    TorchList groups;
    for (const bool decayed : {true, false}) {
        for (const bool head : {false, true}) {
            Group group{
                decayed ? phase.weight_decay : 0.0, settings.next.learning_rate * (head ? of_head : 1.0), {}};
            for (size_t i = 0; i < parameters.size(); ++i) {
                const bool norm_or_bias = parameters[i].parameter->layout.shape.rank() <= 1;
                const bool is_decayed = phase.decay_norms_and_biases || !norm_or_bias;
                const bool is_head = phase.head_learning_rate && info.is_of_head(parameters[i].name);
                if (is_decayed == decayed && is_head == head)
                    group.places.values.push_back({static_cast<int64_t>(i)});
            }
            if (!group.places.values.empty()) groups.values.push_back({as_torch(settings, std::move(group))});
        }
    }
    return groups;
}

}  // namespace

TorchDict optimizer_state(const SafeTensors& checkpoint, nn::Module& model, const std::string& source) {
    const std::vector<nn::NamedParameter> parameters = model.trainable();
    try {
        const Settings settings = settings_in(checkpoint);
        return {{{key("state"), {momentum_buffers(checkpoint, parameters)}},
                 {key("param_groups"), {groups_of(settings, parameters)}}}};
    } catch (const Error& error) {
        throw Error(fmt::format("--optimizer {}: {}", source, error.what()));
    }
}

}  // namespace vitrine::exporting

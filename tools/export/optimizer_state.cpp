// A run's optimiser as torch.optim.SGD's: see optimizer_state.h.

#include "tools/export/optimizer_state.h"

#include <fmt/format.h>

#include <optional>
#include <utility>
#include <vector>

#include "engine/error.h"
#include "tools/train/update_settings.h"

namespace vitrine::exporting {
namespace {

TorchValue key(const char* name) { return {std::string(name)}; }

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

TorchDict as_torch(const train::UpdateSettings& settings, TorchList places) {
    return {{{key("lr"), {settings.learning_rate}},
             {key("momentum"), {settings.momentum}},
             {key("dampening"), {0.0}},
             {key("weight_decay"), {settings.weight_decay}},
             {key("nesterov"), {settings.nesterov}},
             {key("maximize"), {false}},
             {key("foreach"), {}},
             {key("differentiable"), {false}},
             {key("params"), {std::move(places)}}}};
}

TorchList groups_of(const train::NextUpdate& update, const std::vector<nn::NamedParameter>& parameters) {
    TorchList groups;
    for (const bool decayed : {true, false}) {
        for (const bool head : {false, true}) {
            TorchList places;
            std::optional<train::UpdateSettings> settings;  // the same for all of them
            for (size_t i = 0; i < parameters.size(); ++i) {
                if (update.is_decayed(parameters[i]) != decayed || update.is_head(parameters[i]) != head)
                    continue;
                places.values.push_back({static_cast<int64_t>(i)});
                settings = update.of(parameters[i]);
            }
            if (settings) groups.values.push_back({as_torch(*settings, std::move(places))});
        }
    }
    return groups;
}

}  // namespace

TorchDict optimizer_state(const SafeTensors& checkpoint, nn::Module& model, const std::string& source) {
    const std::vector<nn::NamedParameter> parameters = model.trainable();
    try {
        return {{{key("state"), {momentum_buffers(checkpoint, parameters)}},
                 {key("param_groups"), {groups_of(train::next_update_of(checkpoint), parameters)}}}};
    } catch (const Error& error) {
        throw Error(fmt::format("--optimizer {}: {}", source, error.what()));
    }
}

}  // namespace vitrine::exporting

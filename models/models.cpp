// The registry of models: see models.h.

#include "models/models.h"

#include <fmt/format.h>

#include "engine/error.h"
#include "engine/memory.h"
#include "engine/nn/layers.h"
#include "models/basic_block_net.h"
#include "models/mobilenet_v2.h"

namespace vitrine::models {

const std::vector<ModelInfo>& all_models() {
    static const std::vector<ModelInfo> models{
        {"basic_block_net", "one residual block; small and quick, for first steps", 32, 8,
         build_basic_block_net},
        {"mobilenet_v2", "inverted residuals with depthwise convolutions (Sandler et al., 2018)", 224, 1,
         build_mobilenet_v2},
    };
    return models;
}

const ModelInfo& model_from_name(std::string_view name) {
    std::string known;
    for (const ModelInfo& model : all_models()) {
        if (name == model.name) return model;
        known += fmt::format("{}{}", known.empty() ? "" : ", ", model.name);
    }
    throw Error(fmt::format("unknown model '{}': choose one of {}", name, known));
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
    ModelOptions resolved = options;
    if (resolved.image_size == 0) resolved.image_size = info.image_size;
    return info.build(resolved, placement);
}

std::shared_ptr<nn::Module> make_model(std::string_view name, const ModelOptions& options,
                                       Placement placement, uint64_t seed) {
    std::shared_ptr<nn::Module> model = make_blank_model(name, options, placement);
    nn::initialise(*model, seed);
    return model;
}

}  // namespace vitrine::models

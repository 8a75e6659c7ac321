// The registry of models by name.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "engine/nn/module.h"

namespace vitrine::models {

struct ModelOptions {
    int64_t classes = 10;
    int64_t image_size = 0;   // side in pixels; 0: the model's own
    double width_mult = 1.0;  // mobilenet_v2 only
    double dropout = 0.2;     // mobilenet_v2 only, before the classifier
};

struct ModelInfo {
    const char* name;
    const char* summary;    // one line for --help
    int64_t image_size;     // what it was made for
    int64_t size_multiple;  // sides that are no multiple of this lose their last pixels
    std::shared_ptr<nn::Module> (*build)(const ModelOptions& options, Placement placement);
};

const std::vector<ModelInfo>& all_models();

/// Throws Error naming the models there are.
const ModelInfo& model_from_name(std::string_view name);

/// A model whose parameters have names and shapes but no memory: for comparing with a file before anything is
/// allocated. Throws Error as make_model does.
std::shared_ptr<nn::Module> make_outline(std::string_view name, const ModelOptions& options);

/// A model whose parameters hold nothing yet. Throws Error if the image size is too small for it.
std::shared_ptr<nn::Module> make_blank_model(std::string_view name, const ModelOptions& options,
                                             Placement placement);

/// A model with its parameters initialised from the seed: x [N, H, W, 3] → logits [N, classes]. Throws Error
/// if the image size is too small for it.
std::shared_ptr<nn::Module> make_model(std::string_view name, const ModelOptions& options,
                                       Placement placement, uint64_t seed);

}  // namespace vitrine::models

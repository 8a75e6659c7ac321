// The registry of models by name.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "engine/nn/module.h"

namespace vitrine::models {

/// What a recipe may choose of a model. Each model's entry says which of these it has; the others do nothing.
struct ModelVariant {
    double width_mult = 1.0;  // factor on the channels
    double dropout = 0.2;     // share dropped before the classifier
};

struct ModelOptions {
    int64_t classes = 10;
    int64_t image_size = 0;  // side in pixels; 0: the model's own
    ModelVariant variant = {};
};

/// A member of ModelVariant as recipes, flags and files know it.
struct ModelOption {
    const char* key;  // "width_mult"
    double ModelVariant::*value;
    double low, high;                          // where it may lie
    bool low_open = false, high_open = false;  // whether that end itself is left out
    double least, most;                        // the ends for a recipe, which allows both
    bool of_weights;                           // weights of one value fit no other
    const char* meaning;                       // for --help and the README

    bool allows(double number) const;
    /// "--width-mult"
    std::string flag() const;
};

/// A value that somebody gave it.
struct GivenOption {
    const ModelOption* option;
    double value;
};

/// All that there is to say of a model; it stands beside the model.
struct ModelInfo {
    const char* name;
    const char* summary;        // one line for --help
    const char* head;           // the module that alone depends on the classes: "classifier.1"
    int64_t image_size;         // what it was made for
    int64_t size_multiple = 1;  // sides that are no multiple of this lose their last pixels
    bool one_size = false;      // weights of one image size fit no other
    double learning_rate;       // what was found to suit it with a recipe's other defaults
    std::vector<ModelOption> options = {};
    std::shared_ptr<nn::Module> (*build)(const ModelOptions& options, Placement placement);

    bool has(const ModelOption& option) const;
    /// Whether a parameter of that name is the head's.
    bool is_of_head(std::string_view parameter) const;
};

const std::vector<ModelInfo>& all_models();
std::vector<std::string> model_names();
/// Of all models together, each once.
const std::vector<ModelOption>& all_model_options();

/// What is trained where no model is named.
const ModelInfo& default_model();
/// What is timed where no model is named.
const ModelInfo& benchmark_model();

/// The models that have the option: "mobilenet_v2".
std::string models_with(const ModelOption& option);

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

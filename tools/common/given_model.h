// What a user says of a model's file that does not say it itself: --model and what belongs to it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "engine/safetensors.h"
#include "models/models.h"
#include "tools/common/model_file.h"

namespace CLI {
class App;
}  // namespace CLI

namespace vitrine::tools {

struct GivenModel {
    std::optional<std::string> model;
    std::vector<models::GivenOption> options;
    std::optional<int64_t> image_size;
    std::string classes;  // a file or folder of their names; empty: what lies beside the weights, if anything
};

/// The options, in a group of their own.
void add_given_model(CLI::App& app, GivenModel& given);

/// What the file says of itself, else what was given: classes have the names that were given or lie beside the file
/// (class_names.h), or are called 0, 1, …, and images are normalised as for
/// torchvision's ImageNet weights. Throws Error where both say something, or neither.
ModelDescription describe(const SafeTensors& file, const std::string& source, const GivenModel& given);

}  // namespace vitrine::tools

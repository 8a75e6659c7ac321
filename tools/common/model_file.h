// A model in a file that says how to rebuild it: safetensors with a description in the metadata.
//
// Metadata keys: model, classes (a JSON list of names), image_size, source_shape and source_size
// (keeping.h; older files have squares and no such shape), resize and center_crop (0: none),
// exif_orientation (whether images are turned as their EXIF data say; older files have no such key),
// mean and deviation (JSON lists, of pixels in 0 … 1), and the options of all models (width_mult, dropout). A file without them, such as a
// state_dict that PyTorch saved, loads too when the user says what is in it.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "data/keeping.h"
#include "data/transforms/pipeline.h"
#include "engine/nn/module.h"
#include "engine/safetensors.h"
#include "models/models.h"

namespace vitrine::tools {

/// What it takes to build a model and to feed it with images, prepared as they were in validation.
struct ModelDescription {
    std::string model;
    std::vector<std::string> classes;  // their names
    int64_t image_size = 0;            // side of what the network takes
    bool exif_orientation = false;     // whether images are turned upright first
    Keeping source;                    // what an image is read as ...
    EvalTransform preparation;         // ... before this makes it the network's
    models::ModelVariant variant;
};

std::map<std::string, std::string> to_metadata(const ModelDescription& description);

/// Nothing if the file has no metadata of this kind. Throws Error naming the file and the key that is missing
/// or cannot be read.
std::optional<ModelDescription> description_in(const SafeTensors& file, const std::string& source);

/// Of a file without metadata: as many classes as the last layer has, named "0", "1", …. `given` has the
/// rest. Throws Error if the file is not that model.
ModelDescription description_of_plain(const SafeTensors& file, const std::string& source,
                                      ModelDescription given);

/// The model with its first values.
std::shared_ptr<nn::Module> build_model(const ModelDescription& description, Placement placement,
                                        uint64_t seed);

/// The model with the values of the file. Throws Error naming the first tensor that does not fit.
std::shared_ptr<nn::Module> build_model(const ModelDescription& description, Placement placement,
                                        const SafeTensors& file, const std::string& source);

/// What the weights that torchvision publishes were trained with on ImageNet.
inline constexpr ChannelNormalization imagenet_normalization{{0.485, 0.456, 0.406}, {0.229, 0.224, 0.225}};

}  // namespace vitrine::tools

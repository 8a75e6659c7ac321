// What a model's file remembers of the images that it was trained on and judged by.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "data/identity.h"
#include "data/same_images.h"
#include "engine/safetensors.h"

namespace vitrine::train {

struct TrainedOn {
    int64_t height = 0, width = 0;  // that all pixels were read at; 0: each image has its own size
    Keeping keeping;                // Dataset::keeping
    bool exif_orientation = false;  // whether images were turned
    int64_t training_images = 0, validation_images = 0;
    uint64_t training_pixels = 0, validation_pixels = 0;  // pixels_of()
    /// Whether a draw, and not their place alone, decided which images are in which part; they are listed
    /// then (of up to two million images).
    bool drawn = false;
    std::vector<ImageKey> training, validation;
};

/// All images of a part, whatever they are called and in whichever order.
uint64_t pixels_of(const DatasetIdentity& identity, Part part);

/// {"height", "width", "training", "validation", "all"}, of pixels at that size and their classes: for
/// run.json, so that runs of the same images are known as such. "all" includes what a subset leaves out.
nlohmann::ordered_json image_hashes(const DatasetIdentity& identity);

/// The value of the key "data" of the metadata.
std::string to_metadata(const DatasetIdentity& identity);
/// Nothing for a file that does not say. Throws Error naming the file where what it says cannot be read.
std::optional<TrainedOn> trained_on(const SafeTensors& file, const std::string& source);

}  // namespace vitrine::train

// The layer table of a model: what each op of a training step puts out, holds and costs.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "engine/nn/module.h"

namespace vitrine::tools {

/// One op, in the order of running. Costs are for one image.
struct LayerRow {
    std::string path;  // of the module; of the surrounding one for an op that is no module of its own
    std::string kind;  // PyTorch's class, or the op's name
    Shape output;      // without the batch
    std::optional<nn::Window> window{};  // of a convolution or a pool
    int64_t parameters = 0;              // trained
    int64_t macs = 0;                    // multiply-adds of convolutions and linear layers, forward
    int64_t activation_bytes = 0;        // of the output; 0 for a view
};

struct LayerTable {
    std::vector<LayerRow> rows;
    int64_t parameters = 0;
    int64_t macs = 0;
    int64_t activation_bytes = 0;
};

/// What a row is, in a few characters: "depthwise 3×3 /2" with its kernel and stride, "AvgPool2d 8×8 /8",
/// "BatchNorm2d".
std::string layer_text(const LayerRow& row);

/// Runs the model once in training, on two images (batch norm needs more than one value) of image_size², each op by
/// itself: it is not fused from then on.
LayerTable layer_table(nn::Module& model, int64_t image_size, Placement placement);

}  // namespace vitrine::tools

// A model as a graph: not a second description of it, but what its forward pass did, in evaluation mode.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "engine/nn/module.h"
#include "engine/safetensors.h"
#include "engine/trace.h"

namespace vitrine::exporting {

/// One op. Values and parameters go by their names; each value is written once, before it is read.
struct Node {
    std::string op;                   // as the trace names it: "pointwise_conv"
    std::string module;               // that ran it
    std::vector<std::string> inputs;  // as the op lists them; empty: none
    std::string output;
    OpOptions options;
};

/// Images are NCHW in it, and parameters are laid out as PyTorch has them.
struct Graph {
    int64_t image_size = 0;
    int64_t classes = 0;
    std::string input = "images";   // [N, 3, image_size, image_size]
    std::string output = "logits";  // [N, classes]
    std::vector<Node> nodes;        // in the order of running
    std::vector<SafeTensor> parameters;

    /// Null where that is no parameter's name.
    const SafeTensor* parameter(const std::string& name) const;
    SafeTensor* parameter(const std::string& name);
    /// How many inputs of nodes that is.
    int64_t readers(const std::string& name) const;
};

/// Runs the model once on one image, each op by itself: it is in evaluation mode and not fused from then on.
Graph record_graph(nn::Module& model, int64_t image_size);

}  // namespace vitrine::exporting

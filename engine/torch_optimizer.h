// The state of torch.optim.SGD in a file of torch.save (torch_archive.h).
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "engine/safetensors.h"

namespace vitrine {

struct TorchOptimizer {
    /// Parameters that are updated alike.
    struct Group {
        double learning_rate = 0.0;
        double momentum = 0.0;
        double weight_decay = 0.0;
        bool nesterov = false;
        /// By what `momentum` knows them: "0", "1", … as PyTorch numbers them over all groups, or names of their own.
        std::vector<std::string> parameters;
        std::vector<std::string> names;  // of the parameters where the file says them; else none
    };
    std::string entry;  // of the file: "optimizer"; empty: the object itself
    std::vector<Group> groups;
    /// Of those that have taken a step with momentum.
    std::map<std::string, SafeTensor> momentum;
};

/// Throws Error naming `source` and what is wrong with it: as parse_torch_file does; no optimiser; another one than SGD, by its
/// name; dampening or maximize, which ours has not; contradictions.
TorchOptimizer parse_torch_optimizer(std::string_view content, const std::string& source);

}  // namespace vitrine

// Weights of any origin under a model's own names: safetensors, files of torch.save, and the checkpoints of a run.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "engine/safetensors.h"

namespace vitrine::tools {

struct WeightsFile {
    SafeTensors state;  // in the order of the file
    /// What was done to have it: which entry of the file it is, which prefix was taken off its names. A sentence each.
    std::vector<std::string> notices;
};

/// Whether a run wrote it into its checkpoints/, to go on from.
bool is_checkpoint(const SafeTensors& file);

/// Takes what wrappers of PyTorch put before all names (module., _orig_mod.) off them, in whichever order it was put there;
/// returns it.
std::string take_wrappers_off(const std::vector<std::string*>& names);

/// The tensors whose names have a prefix, without it; the metadata stay.
SafeTensors part_of(const SafeTensors& file, std::string_view prefix);

/// All tensors of a file; what kind it is, its content tells. Prefixes that wrappers of PyTorch put before all names (module.,
/// _orig_mod.) are taken off. Throws Error naming the file and what is wrong with it.
WeightsFile read_tensors(const std::filesystem::path& path);

/// The same of a file's content.
WeightsFile parse_tensors(const std::string& content, const std::string& source);

/// The same; but of a checkpoint, the weights that its run is judged by.
WeightsFile read_weights(const std::filesystem::path& path);

}  // namespace vitrine::tools

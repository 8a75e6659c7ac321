// A run's optimiser as torch.optim.SGD's state_dict.
#pragma once

#include <string>

#include "engine/nn/module.h"
#include "engine/safetensors.h"
#include "tools/export/torch_file.h"

namespace vitrine::exporting {

/// {"state": {i: {"momentum_buffer": …}}, "param_groups": […]} of a run's checkpoint, with the settings that the next step is
/// taken with. Parameters go by their place in model.parameters(). They are one group; those that are decayed and those that
/// are not are two where the run has decay_norms_and_biases off, and of each the head is one of its own, behind the rest,
/// where it has head_lr. Within a group they are in the order of model.parameters(). Throws Error
/// naming `source` where the checkpoint does not fit.
TorchDict optimizer_state(const SafeTensors& checkpoint, nn::Module& model, const std::string& source);

}  // namespace vitrine::exporting

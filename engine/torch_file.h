// The state_dict in a file of torch.save (torch_archive.h). A tensor may be any view of its storage; the result is contiguous.
#pragma once

#include <string>
#include <string_view>

#include "engine/safetensors.h"

namespace vitrine {

/// The state_dict of a file: the object itself, or an entry of it by one of the usual names.
struct TorchState {
    SafeTensors state;  // in the order of the file
    std::string entry;  // such as "model"; empty: the object itself
};

/// Throws Error naming `source` and what is wrong with it: damage, an older format or TorchScript, anything but tensors and
/// containers, no state_dict. Never allocates more than a small multiple of the content.
TorchState parse_torch_file(std::string_view content, const std::string& source);

}  // namespace vitrine

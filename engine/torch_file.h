// What torch.save writes, since PyTorch 1.6: a zip archive without compression.
//
//     NAME/data.pkl        a pickle of the object; a tensor in it is a call: storage, offset, shape, strides
//     NAME/data/0, 1, …    the bytes of the storages, each named by the pickle
//     NAME/byteorder       "little", in newer ones
//     NAME/version         "3"
//
// Only tensors and containers are read (pickle.h): no code of the file is ever run. A tensor may be any view of its
// storage; the result is contiguous.
#pragma once

#include <string>
#include <string_view>

#include "engine/safetensors.h"

namespace vitrine {

/// Whether the bytes begin as any format of torch.save does: the archive, or the older ones, which read_torch_file
/// refuses by name.
bool looks_like_torch_file(std::string_view content);

/// The state_dict of a file: the object itself, or an entry of it by one of the usual names.
struct TorchState {
    SafeTensors state;
    std::string entry;  // such as "model"; empty: the object itself
};

/// Throws Error naming `source` and what is wrong with it: damage, an older format or TorchScript, anything but tensors and
/// containers, no state_dict. Never allocates more than a small multiple of the content.
TorchState parse_torch_file(std::string_view content, const std::string& source);

}  // namespace vitrine

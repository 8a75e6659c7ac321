// The file that torch.save writes and torch.load reads, with weights_only=True too: a zip archive of a pickle
// and, beside it, the numbers of each tensor as they lie in memory.
#pragma once

#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "engine/safetensors.h"

namespace vitrine::exporting {

struct TorchValue;
using TorchItems = std::vector<std::pair<TorchValue, TorchValue>>;

struct TorchList {
    std::vector<TorchValue> values;
};
struct TorchDict {
    TorchItems items;
    bool ordered = false;  // an OrderedDict
};

/// A Python object of the kinds that a checkpoint holds; a SafeTensor is a torch.Tensor (F32, F64 or I64).
struct TorchValue {
    std::variant<std::monostate, bool, int64_t, double, std::string, SafeTensor, TorchList, TorchDict> value;
};

/// Of tensors under their own names.
TorchDict state_dict(std::vector<SafeTensor> tensors);

/// The bytes of the file: always the same for the same object.
std::string torch_file(const TorchValue& object);

}  // namespace vitrine::exporting

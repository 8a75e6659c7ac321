// Tensors of a file of torch.save: views of storages, as its pickle describes them, and their bytes.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "engine/pickle.h"
#include "engine/safetensors.h"
#include "engine/zip_archive.h"

namespace vitrine {

/// A tensor by its place in a storage. Extents and strides count elements.
struct TorchView {
    std::string dtype;  // as safetensors name it
    std::string key;    // of the storage
    int64_t storage_count = 0;
    int64_t offset = 0;
    std::vector<int64_t> extents, strides;
};

/// Whether a pickle may name it: what tensors are made of, and nothing that does anything else.
bool is_torch_global(std::string_view global);

bool is_torch_tensor(const PickleValue& value);

/// Throws Error, a sentence whose subject is the file, where the call that makes the tensor is none of torch.save's, or the
/// view leaves its storage.
TorchView torch_view(const PickleValue& value, const std::string& name);

/// The storages of an archive, each read once.
class TorchStorages {
  public:
    /// Of the archive's NAME/data/…; `file_bytes` bounds what all tensors together may take.
    TorchStorages(const ZipArchive& archive, std::string folder, uint64_t file_bytes);

    /// Its elements in C order. Throws Error as torch_view does.
    SafeTensor tensor(const std::string& name, const TorchView& view);

  private:
    const std::string& bytes_of(const TorchView& view, uint64_t size, const std::string& name);

    const ZipArchive& archive_;
    std::string folder_;
    uint64_t left_;  // bytes that tensors may still take
    std::map<std::string, std::string> read_;
};

}  // namespace vitrine

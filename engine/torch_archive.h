// A file of torch.save opened: the object of its pickle, and the storages of its tensors. Since PyTorch 1.6 it is a zip archive
// without compression:
//
//     NAME/data.pkl        a pickle of the object; a tensor in it is a call: storage, offset, shape, strides
//     NAME/data/0, 1, …    the bytes of the storages, each named by the pickle
//     NAME/byteorder       "little", in newer ones
//     NAME/version         "3"
//
// Only tensors and containers are read (pickle.h): no code of the file is ever run.
#pragma once

#include <string>
#include <string_view>

#include "engine/pickle.h"
#include "engine/torch_tensor.h"
#include "engine/zip_archive.h"

namespace vitrine {

/// Whether the bytes begin as any format of torch.save does: the archive, or the older ones, which TorchArchive refuses by
/// name.
bool looks_like_torch_file(std::string_view content);

class TorchArchive {
  public:
    /// The content must outlive it. Throws Error, a sentence whose subject is the file: damage, an older format or TorchScript,
    /// anything but tensors and containers.
    explicit TorchArchive(std::string_view content);
    TorchArchive(const TorchArchive&) = delete;
    TorchArchive& operator=(const TorchArchive&) = delete;

    const PickleValue& top() const { return *pickle_.top; }
    /// Its elements in C order. Throws Error as the constructor does: it has no storage, or leaves it. All tensors that are asked
    /// for may take no more than a small multiple of the content.
    SafeTensor tensor(const std::string& name, const PickleValue& value) {
        return storages_.tensor(name, torch_view(value, name));
    }

  private:
    ZipArchive archive_;
    std::string folder_;
    Pickle pickle_;
    TorchStorages storages_;
};

/// For sentences: "a dict of epoch, loss".
std::string describe_object(const PickleValue& value);

}  // namespace vitrine

// Files of torch.save made by hand, for those that torch.save would not write.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace vitrine::tests {

/// An entry of a zip archive as its headers describe it.
struct ZipEntry {
    std::string name, bytes;
    uint16_t method = 0;    // stored
    uint32_t claimed = 0;   // size; 0: the bytes'
    uint32_t flip_crc = 0;  // xor
};

std::string zip_of(const std::vector<ZipEntry>& entries);

/// Opcodes of a pickle.
std::string pickle_text(const std::string& text);
std::string pickle_whole(int64_t number);
std::string pickle_tuple(const std::vector<int64_t>& numbers);
std::string pickle_global(const std::string& module, const std::string& name);
/// _rebuild_tensor_v2 of storage "0".
std::string pickle_tensor(int64_t storage_count, int64_t offset, const std::vector<int64_t>& shape,
                          const std::vector<int64_t>& strides);
/// A whole pickle of a dict, of opcodes of keys and values one after the other.
std::string pickle_dict(const std::string& items);

/// The archive of a data.pkl and of storage "0".
std::string torch_file_of(const std::string& pickle, const std::string& storage = "");

}  // namespace vitrine::tests

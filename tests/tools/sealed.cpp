// See sealed.h.

#include "tests/tools/sealed.h"

#include <fmt/format.h>
#include <xxhash.h>

#include <string>

namespace vitrine::tests {

void seal(SafeTensors& checkpoint) {
    checkpoint.metadata.erase("checksum");
    std::string all;
    const auto add = [&all](const std::string& text) {
        const uint64_t size = text.size();
        all.append(reinterpret_cast<const char*>(&size), sizeof size).append(text);
    };
    for (const auto& [key, value] : checkpoint.metadata) {
        add(key);
        add(value);
    }
    for (const SafeTensor& tensor : checkpoint.tensors) {
        add(tensor.name);
        add(tensor.dtype);
        add(tensor.bytes);
    }
    const XXH128_hash_t hash = XXH3_128bits(all.data(), all.size());
    checkpoint.metadata["checksum"] = fmt::format("{:016x}{:016x}", hash.high64, hash.low64);
}

}  // namespace vitrine::tests

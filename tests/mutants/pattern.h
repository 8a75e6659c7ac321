// Bytes to send about, of which none can be taken for another.
#pragma once

#include <cstddef>
#include <vector>

namespace vitrine {

using Bytes = std::vector<unsigned char>;

/// Bytes that differ from those of other seeds, and from their neighbours.
inline Bytes pattern(size_t size, int seed) {
    Bytes bytes(size);
    for (size_t i = 0; i < size; ++i)
        bytes[i] = static_cast<unsigned char>(i * 7 + i / 251 + static_cast<size_t>(seed) * 31 + 1);
    return bytes;
}

}  // namespace vitrine

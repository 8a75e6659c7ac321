// A zip archive whose files lie in it as they are: not compressed, each at a multiple of some bytes, so that they can be
// mapped into memory.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace vitrine::exporting {

struct ZipEntry {
    std::string name;  // ASCII
    std::string_view content;
};

/// The archive's bytes: they depend on nothing but the entries, not even on the time. Throws Error where there is too
/// little memory.
std::string stored_zip(const std::vector<ZipEntry>& entries, size_t alignment);

}  // namespace vitrine::exporting

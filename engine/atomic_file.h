// Files that are either there whole or not at all.
#pragma once

#include <filesystem>
#include <initializer_list>
#include <span>
#include <string>

namespace vitrine {

/// Writes the parts one after the other to a temporary file beside `path`, flushes it to the disk and renames
/// it: whoever reads `path`, even after a crash at any moment, finds the old content or the new. Throws Error
/// naming the path.
void write_atomically(const std::filesystem::path& path, std::initializer_list<std::span<const char>> parts);

/// The whole content of a file. Throws Error naming the path.
std::string read_file(const std::filesystem::path& path);

}  // namespace vitrine

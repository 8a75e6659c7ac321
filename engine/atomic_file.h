// Files that are either there whole or not at all.
#pragma once

#include <filesystem>
#include <initializer_list>
#include <span>

#include "engine/input_file.h"

namespace vitrine {

/// Writes the parts one after the other to a temporary file beside `path`, flushes it to the disk and renames
/// it: whoever reads `path`, even after a crash at any moment, finds the old content or the new. A failure
/// leaves the old content, and nothing else.
///
/// What stands there already:
/// - A file keeps its mode and, where that is allowed, its owner. One that must not be written is refused.
/// - A link is followed with Links::follow: the file that it names is replaced, and the link stays. With
///   Links::refuse the link itself is replaced, and what it names is left alone.
/// - A FIFO, a character device, or whatever the standard output or error of this program goes to cannot be
///   replaced in any useful sense: with Links::follow it is written into. With Links::refuse it is an error,
///   and so is anything else that is no regular file.
///
/// Throws FileError.
void write_atomically(const std::filesystem::path& path, std::initializer_list<std::span<const char>> parts,
                      Links links = Links::follow);

}  // namespace vitrine

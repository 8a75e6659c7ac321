// What the fuzz targets share: files to put an input in, and the decoders' target.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "data/dataset.h"

namespace vitrine::fuzz {

using Bytes = std::span<const uint8_t>;

/// A folder of this process that goes away with it; in memory where the machine has /dev/shm.
const std::filesystem::path& scratch_folder();

/// Writes (or replaces) a file, and the folders above it.
void write_file(const std::filesystem::path& file, Bytes bytes);

/// Decodes the input with its first bytes replaced by `magic`, so that one decoder alone sees it. Anything
/// but an ImageError or an image whose pixels are as many as its size says is thrown on.
void decode(Bytes input, std::string_view magic);

/// The sound files of a small data set, by name.
using Files = std::map<std::string, std::vector<uint8_t>>;

/// Loads the set with one file replaced by the input from its second byte on; the first one, modulo their
/// number, says which. Reads every pixel of what was loaded. Anything but an Error is thrown on.
void load_with_one_replaced(Bytes input, const Files& files, const std::string& kind);

/// Reads every pixel, and throws std::logic_error where a label is out of its range.
void read_all(const Dataset& dataset);

}  // namespace vitrine::fuzz

// What is in a tar archive and where, so that it can be read in place.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace vitrine {

/// A regular file in an archive.
struct TarEntry {
    std::string name;  // its path there, without "./"
    uint64_t offset = 0, bytes = 0;
};

/// The regular files of an archive in their order: of any kind of tar that libarchive reads (ustar, pax, GNU),
/// not compressed. Folders and links are left out. Throws Error for a file that cannot be read, is no tar, is
/// compressed, is cut short, or has sparse files.
std::vector<TarEntry> list_tar(const std::filesystem::path& file);

/// True for names that end in .tar, in either case.
bool is_tar_name(const std::filesystem::path& file);

/// True for .tar.gz, .tgz, .tar.zst and the like.
bool is_compressed_tar_name(const std::filesystem::path& file);

}  // namespace vitrine

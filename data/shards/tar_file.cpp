// Listing tar archives: see tar_file.h.

#include "data/shards/tar_file.h"

#include <archive.h>
#include <archive_entry.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <memory>
#include <new>
#include <string_view>

#include "data/folder_words.h"
#include "engine/error.h"
#include "engine/input_file.h"

namespace vitrine {
namespace {

namespace fs = std::filesystem;

using Archive = std::unique_ptr<archive, int (*)(archive*)>;

std::string lower_name(const fs::path& file) {
    std::string name = file.filename().string();
    for (char& c : name) {
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    }
    return name;
}

[[noreturn]] void refuse(const fs::path& file, const std::string& why) {
    throw Error(fmt::format("the archive {} {}", in_quotes(file), why));
}

void refuse_compressed(const InputFile& file) {
    std::array<char, 6> start{};
    InputFile again(file.path());
    const std::string_view bytes(start.data(), again.read(start));
    using namespace std::string_view_literals;
    for (const std::string_view magic : {"\x1f\x8b"sv, "BZh"sv,
                                         "\xfd"
                                         "7zXZ"sv,
                                         "\x28\xb5\x2f\xfd"sv, "\x04\x22\x4d\x18"sv}) {
        if (bytes.starts_with(magic))
            refuse(file.path(),
                   "is compressed, so that its images cannot be read in place: unpack it to a .tar file");
    }
}

void throw_if_memory_ran_out(archive* reader) {
    if (archive_errno(reader) == ENOMEM) throw std::bad_alloc();
}

/// Reads the header of the next file; false at the end of the archive.
bool next_header(archive* reader, archive_entry** entry, const fs::path& file) {
    const int result = archive_read_next_header(reader, entry);
    if (result == ARCHIVE_EOF) return false;
    if (result == ARCHIVE_OK || result == ARCHIVE_WARN) return true;
    throw_if_memory_ran_out(reader);
    const char* why = archive_error_string(reader);
    refuse(file, fmt::format("is no tar file or damaged{}", why != nullptr ? fmt::format(" ({})", why) : ""));
}

TarEntry described(archive* reader, archive_entry* entry, const InputFile& file) {
    const char* name = archive_entry_pathname(entry);
    TarEntry found{name != nullptr ? name : "", static_cast<uint64_t>(archive_filter_bytes(reader, 0)),
                   static_cast<uint64_t>(std::max<int64_t>(0, archive_entry_size(entry)))};
    while (found.name.starts_with("./")) found.name.erase(0, 2);
    if (archive_entry_sparse_count(entry) > 0)
        refuse(file.path(), fmt::format("holds {} as a sparse file, which cannot be read in place",
                                        in_quotes(found.name)));
    if (found.offset > file.bytes() || found.bytes > file.bytes() - found.offset)
        refuse(file.path(), fmt::format("is cut short: it has {} bytes, and {} would end at byte {}",
                                        file.bytes(), in_quotes(found.name), found.offset + found.bytes));
    return found;
}

}  // namespace

std::vector<TarEntry> list_tar(const fs::path& path) try {
    constexpr size_t block = 64 << 10;
    const InputFile file(path);
    refuse_compressed(file);
    const Archive reader(archive_read_new(), archive_read_free);
    if (reader == nullptr) throw std::bad_alloc();
    archive_read_support_format_tar(reader.get());
    archive_read_support_format_empty(reader.get());
    if (archive_read_open_fd(reader.get(), file.descriptor(), block) != ARCHIVE_OK) {
        throw_if_memory_ran_out(reader.get());
        refuse(path, "is no tar file");
    }
    std::vector<TarEntry> entries;
    archive_entry* entry = nullptr;
    while (next_header(reader.get(), &entry, path)) {
        const bool is_link = archive_entry_hardlink(entry) != nullptr;
        if (archive_entry_filetype(entry) == AE_IFREG && !is_link)
            entries.push_back(described(reader.get(), entry, file));
    }
    return entries;
} catch (const FileError& error) {
    refuse(path, fmt::format("cannot be read ({})", error.reason));
}

bool is_tar_name(const fs::path& file) { return lower_name(file).ends_with(".tar"); }

bool is_compressed_tar_name(const fs::path& file) {
    const std::string name = lower_name(file);
    return std::ranges::any_of(std::array{".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz",
                                          ".tar.zst", ".tzst", ".tar.lz4"},
                               [&](const char* end) { return name.ends_with(end); });
}

}  // namespace vitrine

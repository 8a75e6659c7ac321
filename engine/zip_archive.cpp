// Zip archives: see zip_archive.h.

#include "engine/zip_archive.h"

#include <fmt/format.h>
#include <zip.h>

#include <new>
#include <utility>

#include "engine/error.h"
#include "engine/escape.h"

namespace vitrine {
namespace {

/// An error of libzip's: the archive is damaged, or memory ran out.
[[noreturn]] void refuse(zip_error_t* error, const std::string& what) {
    if (zip_error_code_zip(error) == ZIP_ER_MEMORY) throw std::bad_alloc();
    throw Error(fmt::format("is damaged: {}{}", what, zip_error_strerror(error)));
}

/// An error without an archive, as long as it is looked at.
class Failure {
  public:
    Failure() { zip_error_init(&error_); }
    ~Failure() { zip_error_fini(&error_); }
    Failure(const Failure&) = delete;
    Failure& operator=(const Failure&) = delete;

    zip_error_t* get() { return &error_; }

  private:
    zip_error_t error_;
};

}  // namespace

struct ZipArchive::Library {
    explicit Library(std::string_view content) {
        Failure failure;
        zip_source_t* source =
            zip_source_buffer_create(content.data(), content.size(), /*freep=*/0, failure.get());
        if (source != nullptr) archive = zip_open_from_source(source, ZIP_RDONLY, failure.get());
        if (archive != nullptr) return;
        zip_source_free(source);  // of which null is none
        refuse(failure.get(), "");
    }
    ~Library() { zip_discard(archive); }
    Library(const Library&) = delete;
    Library& operator=(const Library&) = delete;

    zip_t* archive = nullptr;
};

ZipArchive::ZipArchive(std::string_view content) : library_(std::make_unique<Library>(content)) {
    const zip_int64_t count = zip_get_num_entries(library_->archive, 0);
    uint64_t left = content.size();
    for (zip_int64_t i = 0; i < count; ++i) add(static_cast<uint64_t>(i), left);
}

ZipArchive::~ZipArchive() = default;

void ZipArchive::add(uint64_t index, uint64_t& left) {
    zip_stat_t about;
    zip_stat_init(&about);
    constexpr zip_uint64_t needed = ZIP_STAT_NAME | ZIP_STAT_SIZE | ZIP_STAT_COMP_SIZE | ZIP_STAT_COMP_METHOD;
    if (zip_stat_index(library_->archive, index, ZIP_FL_ENC_RAW, &about) != 0 ||
        (about.valid & needed) != needed)
        throw Error(fmt::format("is damaged: its entry {} says nothing of itself", index));
    const std::string name = about.name;
    const bool stored = about.comp_method == ZIP_CM_STORE && about.comp_size == about.size;
    // Entries do not overlap, so all together they are no larger than the file.
    if (about.comp_size > left)
        throw Error(
            fmt::format("is damaged: its entries would take more bytes than it has ({})", escape(name)));
    left -= about.comp_size;
    if (!entries_.emplace(name, Entry{index, about.size, stored}).second)
        throw Error(fmt::format("has the entry {} twice", escape(name)));
    names_.push_back(name);
}

uint64_t ZipArchive::size(const std::string& name) const {
    const auto found = entries_.find(name);
    return found == entries_.end() ? 0 : found->second.size;
}

std::string ZipArchive::read(const std::string& name) const {
    const auto found = entries_.find(name);
    if (found == entries_.end()) throw Error(fmt::format("has no entry {}", escape(name)));
    if (!found->second.stored)
        throw Error(fmt::format("has the entry {} compressed, which torch.save never does", escape(name)));
    const std::unique_ptr<zip_file_t, decltype(&zip_fclose)> file(
        zip_fopen_index(library_->archive, found->second.index, 0), &zip_fclose);
    if (file == nullptr) refuse(zip_get_error(library_->archive), escape(name) + ": ");
    std::string bytes(found->second.size, '\0');
    size_t got = 0;
    // Read on to the end even where all bytes are there: only that compares the checksum.
    char beyond = 0;
    for (;;) {
        const bool whole = got == bytes.size();
        const zip_int64_t count =
            zip_fread(file.get(), whole ? &beyond : bytes.data() + got, whole ? 1 : bytes.size() - got);
        if (count < 0) refuse(zip_file_get_error(file.get()), escape(name) + ": ");
        if (count == 0) break;
        if (whole) throw Error(fmt::format("is damaged: {} is longer than it says", escape(name)));
        got += static_cast<size_t>(count);
    }
    if (got != bytes.size()) throw Error(fmt::format("is damaged: {} is shorter than it says", escape(name)));
    return bytes;
}

}  // namespace vitrine

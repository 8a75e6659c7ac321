// A zip archive of files as they are: see zip_writer.h.

#include "tools/export/zip_writer.h"

#include <fmt/format.h>
#include <zip.h>

#include <memory>
#include <new>
#include <utility>

#include "engine/error.h"

namespace vitrine::exporting {
namespace {

constexpr size_t local_header = 30;          // bytes before an entry's name
constexpr size_t extra_header = 4;           // of a field behind its name
constexpr zip_uint16_t padding_id = 0x4246;  // the field that torch.save pads with: "FB"
constexpr zip_uint16_t first_date = 0x21;    // 1 January 1980

[[noreturn]] void fail(zip_error_t* error) {
    const bool memory_ended = zip_error_code_zip(error) == ZIP_ER_MEMORY;
    const std::string reason = zip_error_strerror(error);
    zip_error_fini(error);
    if (memory_ended) throw std::bad_alloc();
    throw Error(fmt::format("the zip archive cannot be made: {}", reason));
}

struct FreeSource {
    void operator()(zip_source_t* source) const { zip_source_free(source); }
};
struct Discard {
    void operator()(zip_t* archive) const { zip_discard(archive); }
};
using SourcePointer = std::unique_ptr<zip_source_t, FreeSource>;
using ArchivePointer = std::unique_ptr<zip_t, Discard>;

/// Adds entries one after the other, and knows where each begins.
class Writer {
  public:
    explicit Writer(size_t alignment) : alignment_(alignment) {
        zip_error_t error;
        zip_error_init(&error);
        memory_.reset(zip_source_buffer_create(nullptr, 0, 0, &error));
        if (!memory_) fail(&error);
        archive_.reset(zip_open_from_source(memory_.get(), ZIP_TRUNCATE, &error));
        if (!archive_) fail(&error);
        zip_source_keep(memory_.get());  // the archive owns one reference, this the other
    }

    void add(const ZipEntry& entry) {
        zip_source_t* content =
            zip_source_buffer(archive_.get(), entry.content.data(), entry.content.size(), 0);
        const zip_int64_t index =
            content == nullptr ? -1 : zip_file_add(archive_.get(), entry.name.c_str(), content, 0);
        if (index < 0) {
            zip_source_free(content);
            fail(zip_get_error(archive_.get()));
        }
        const size_t begin = end_ + local_header + entry.name.size() + extra_header;
        const std::string padding((alignment_ - begin % alignment_) % alignment_, '\0');
        const auto place = static_cast<zip_uint64_t>(index);
        const bool set =
            zip_set_file_compression(archive_.get(), place, ZIP_CM_STORE, 0) == 0 &&
            zip_file_set_dostime(archive_.get(), place, 0, first_date, 0) == 0 &&
            zip_file_extra_field_set(archive_.get(), place, padding_id, ZIP_EXTRA_FIELD_NEW,
                                     reinterpret_cast<const zip_uint8_t*>(padding.data()),
                                     static_cast<zip_uint16_t>(padding.size()), ZIP_FL_LOCAL) == 0;
        if (!set) fail(zip_get_error(archive_.get()));
        end_ = begin + padding.size() + entry.content.size();
    }

    std::string finish() {
        if (zip_close(archive_.get()) != 0) fail(zip_get_error(archive_.get()));
        [[maybe_unused]] zip_t* const closed = archive_.release();
        return content();
    }

  private:
    std::string content() {
        zip_source_t* const source = memory_.get();
        if (zip_source_open(source) != 0) fail(zip_source_error(source));
        std::string bytes;
        if (zip_source_seek(source, 0, SEEK_END) == 0)
            bytes.resize(static_cast<size_t>(std::max<zip_int64_t>(zip_source_tell(source), 0)));
        const bool read = zip_source_seek(source, 0, SEEK_SET) == 0 &&
                          std::cmp_equal(zip_source_read(source, bytes.data(), bytes.size()), bytes.size());
        if (!read) fail(zip_source_error(source));
        zip_source_close(source);
        return bytes;
    }

    size_t alignment_;
    size_t end_ = 0;  // of what was added so far
    SourcePointer memory_;
    ArchivePointer archive_;
};

}  // namespace

std::string stored_zip(const std::vector<ZipEntry>& entries, size_t alignment) {
    Writer writer(alignment);
    for (const ZipEntry& entry : entries) writer.add(entry);
    return writer.finish();
}

}  // namespace vitrine::exporting

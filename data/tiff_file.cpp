// libtiff's callbacks: see tiff_file.h.

#include "data/tiff_file.h"

#include <fmt/format.h>

#include <cstdio>
#include <new>

#if TIFFLIB_VERSION < 20221213
#include <mutex>
#endif

namespace vitrine {
namespace {

/// M: the file is not mapped. C: rows that are not compressed are read a few at a time.
constexpr const char* mode = "rmC";
constexpr const char* name = "";  // for libtiff's messages, which go nowhere with it

tmsize_t write_nothing(thandle_t, void*, tmsize_t) { return 0; }
int close_nothing(thandle_t) { return 0; }
int map_nothing(thandle_t, void**, toff_t*) { return 0; }
void unmap_nothing(thandle_t, void*, toff_t) {}

#if TIFFLIB_VERSION >= 20221213
int ignore_warning(TIFF*, void*, const char*, const char*, va_list) { return 1; }

/// More than the largest image that is read could have.
constexpr tmsize_t largest_allocation = tmsize_t{8} * largest_image_pixels + (64 << 20);
#endif

}  // namespace

#if TIFFLIB_VERSION >= 20221213  // 4.5, the first with handlers for each file

int TiffFile::keep_error(TIFF*, void* file, const char*, const char* format, va_list arguments) {
    static_cast<TiffFile*>(file)->keep(format, arguments);
    return 1;  // no other handler is called
}

TIFF* TiffFile::open() {
    TIFFOpenOptions* options = TIFFOpenOptionsAlloc();
    if (options == nullptr) throw std::bad_alloc();
    TIFFOpenOptionsSetMaxSingleMemAlloc(options, largest_allocation);
    TIFFOpenOptionsSetErrorHandlerExtR(options, keep_error, this);
    TIFFOpenOptionsSetWarningHandlerExtR(options, ignore_warning, this);
    TIFF* opened = TIFFClientOpenExt(name, mode, this, read, write_nothing, seek, close_nothing, size,
                                     map_nothing, unmap_nothing, options);
    TIFFOpenOptionsFree(options);
    return opened;
}

#else

void TiffFile::keep_error(thandle_t file, const char*, const char* format, va_list arguments) {
    if (file != nullptr) static_cast<TiffFile*>(file)->keep(format, arguments);
}

TIFF* TiffFile::open() {
    // One handler for the process, which hands each message to the file that it is about.
    static std::once_flag set;
    std::call_once(set, [] {
        TIFFSetWarningHandler(nullptr);
        TIFFSetErrorHandler(nullptr);
        TIFFSetErrorHandlerExt(keep_error);
    });
    return TIFFClientOpen(name, mode, this, read, write_nothing, seek, close_nothing, size, map_nothing,
                          unmap_nothing);
}

#endif

TiffFile::TiffFile(ByteSource& source) : source_(source) {
    tiff_ = open();
    if (tiff_ == nullptr) throw_damaged("its directory cannot be read");
}

TiffFile::~TiffFile() {
    if (tiff_ != nullptr) TIFFClose(tiff_);
}

void TiffFile::keep(const char* format, va_list arguments) {
    char text[200];
    std::vsnprintf(text, sizeof text, format, arguments);
    message_ = text;
    while (message_.ends_with('.') || message_.ends_with('\n')) message_.pop_back();
}

void TiffFile::throw_damaged(std::string_view reason) const {
    if (message_.find("ut of memory") != std::string::npos) throw std::bad_alloc();
    throw ImageError(source_.path(), fmt::format("the TIFF data are damaged or truncated ({})",
                                                 message_.empty() ? reason : message_));
}

tmsize_t TiffFile::read(thandle_t file, void* target, tmsize_t count) {
    auto* self = static_cast<TiffFile*>(file);
    if (count <= 0) return 0;
    const size_t got =
        self->source_.read_at(self->position_, static_cast<uint8_t*>(target), static_cast<size_t>(count));
    self->position_ += got;
    return static_cast<tmsize_t>(got);
}

toff_t TiffFile::seek(thandle_t file, toff_t offset, int whence) {
    auto* self = static_cast<TiffFile*>(file);
    const uint64_t from = whence == SEEK_SET   ? 0
                          : whence == SEEK_CUR ? self->position_
                                               : self->source_.size();
    self->position_ = from + offset;
    return self->position_;
}

toff_t TiffFile::size(thandle_t file) { return static_cast<TiffFile*>(file)->source_.size(); }

}  // namespace vitrine

// A TIFF open in libtiff, which reads it through a ByteSource and says what is wrong to nobody else.
#pragma once

#include <tiffio.h>

#include <cstdarg>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "data/byte_source.h"

namespace vitrine {

class TiffFile {
  public:
    /// Reads the first directory. Throws ImageError.
    explicit TiffFile(ByteSource& source);
    TiffFile(const TiffFile&) = delete;
    TiffFile& operator=(const TiffFile&) = delete;
    ~TiffFile();

    TIFF* get() const { return tiff_; }

    /// A field with one value, or what the standard says where it is missing; nothing where that says
    /// nothing.
    template <typename Value>
    std::optional<Value> field(uint32_t tag) const {
        Value value{};
        if (TIFFGetFieldDefaulted(tiff_, tag, &value) != 1) return std::nullopt;
        return value;
    }

    /// With what libtiff said last, or `reason` where it said nothing. Or std::bad_alloc.
    [[noreturn]] void throw_damaged(std::string_view reason) const;

  private:
    static tmsize_t read(thandle_t file, void* target, tmsize_t count);
    static toff_t seek(thandle_t file, toff_t offset, int whence);
    static toff_t size(thandle_t file);
    void keep(const char* format, va_list arguments);
#if TIFFLIB_VERSION >= 20221213
    static int keep_error(TIFF*, void* file, const char* module, const char* format, va_list arguments);
#else
    static void keep_error(thandle_t file, const char* module, const char* format, va_list arguments);
#endif
    TIFF* open();

    ByteSource& source_;
    uint64_t position_ = 0;
    std::string message_;
    TIFF* tiff_ = nullptr;
};

}  // namespace vitrine

// JPEG by libjpeg-turbo, with its default (exact) transform and upsampling, as Pillow uses it.

#include <algorithm>
#include <csetjmp>
#include <cstdio>
// libjpeg's headers need the two above.
#include <jerror.h>
#include <jpeglib.h>

#include <fmt/format.h>

#include "data/decoders.h"

namespace vitrine {
namespace {

/// libjpeg reports through callbacks that must not return on an error and must not throw through C code:
/// they jump back into the JpegReader's function that called libjpeg.
struct ErrorHandler {
    jpeg_error_mgr base;  // first, so that libjpeg's pointer to it is a pointer to this
    std::jmp_buf jump;
    char message[JMSG_LENGTH_MAX];
};

[[noreturn]] void give_up(j_common_ptr info) {
    auto* handler = reinterpret_cast<ErrorHandler*>(info->err);
    handler->base.format_message(info, handler->message);
    std::longjmp(handler->jump, 1);
}

/// libjpeg only warns where it invents pixels for missing or broken data. Such a file is damaged. What is
/// left (stray bytes between segments, odd version numbers) changes no pixel and is common in photographs.
void judge_warning(j_common_ptr info, int level) {
    if (level >= 0) return;  // a trace message
    switch (info->err->msg_code) {
        case JWRN_JPEG_EOF:
        case JWRN_HIT_MARKER:
        case JWRN_HUFF_BAD_CODE:
        case JWRN_MUST_RESYNC:
            give_up(info);
    }
}

/// Every function that calls libjpeg returns false where libjpeg gave up; message() says why. They keep
/// nothing with a destructor on the stack, for a jump skips destructors.
class JpegReader {
  public:
    JpegReader() {
        info_.err = jpeg_std_error(&handler_.base);
        handler_.base.error_exit = give_up;
        handler_.base.emit_message = judge_warning;
    }
    JpegReader(const JpegReader&) = delete;
    JpegReader& operator=(const JpegReader&) = delete;
    ~JpegReader() { jpeg_destroy_decompress(&info_); }

    bool read_header(std::span<const uint8_t> bytes) {
        if (setjmp(handler_.jump) != 0) return false;
        jpeg_create_decompress(&info_);
        jpeg_mem_src(&info_, bytes.data(), bytes.size());
        jpeg_read_header(&info_, TRUE);
        return true;
    }

    int64_t width() const { return info_.image_width; }
    int64_t height() const { return info_.image_height; }
    int channels() const { return info_.num_components; }
    const char* message() const { return handler_.message; }

    /// Decodes into `pixels` [height, width, 3]; four-channel images go through `cmyk_row` [width, 4].
    bool read_pixels(uint8_t* pixels, uint8_t* cmyk_row) {
        if (setjmp(handler_.jump) != 0) return false;
        info_.out_color_space = cmyk_row != nullptr ? JCS_CMYK : JCS_RGB;
        jpeg_start_decompress(&info_);
        while (info_.output_scanline < info_.output_height) {
            JSAMPROW rgb_row = pixels + size_t{3} * info_.output_scanline * info_.output_width;
            JSAMPROW row = cmyk_row != nullptr ? cmyk_row : rgb_row;
            jpeg_read_scanlines(&info_, &row, 1);
            if (cmyk_row != nullptr) convert_cmyk(cmyk_row, rgb_row);
        }
        jpeg_finish_decompress(&info_);  // reads up to the end marker, so that a missing one is noticed
        return true;
    }

  private:
    /// Pillow's conversion, on Adobe's inverted samples (255 is no ink). The product is divided by 255 with
    /// rounding.
    void convert_cmyk(const uint8_t* cmyk, uint8_t* rgb) const {
        for (unsigned x = 0; x < info_.output_width; ++x, cmyk += 4, rgb += 3) {
            const int light = cmyk[3];
            for (int c = 0; c < 3; ++c) {
                const int product = (255 - cmyk[c]) * light + 128;
                rgb[c] = static_cast<uint8_t>(std::max(0, light - ((product >> 8) + product) / 256));
            }
        }
    }

    jpeg_decompress_struct info_{};
    ErrorHandler handler_{};
};

[[noreturn]] void throw_damaged(const JpegReader& reader, const std::string& path) {
    throw ImageError(path, fmt::format("the JPEG data are damaged or truncated ({})", reader.message()));
}

}  // namespace

Image decode_jpeg(std::span<const uint8_t> bytes, const std::string& path) {
    JpegReader reader;
    if (!reader.read_header(bytes)) throw_damaged(reader, path);
    if (reader.channels() != 1 && reader.channels() != 3 && reader.channels() != 4) {
        throw ImageError(path,
                         fmt::format("the JPEG has {} channels; 1, 3 or 4 are allowed", reader.channels()));
    }
    Image image = make_image(reader.width(), reader.height(), path);
    std::vector<uint8_t> cmyk_row(reader.channels() == 4 ? static_cast<size_t>(4 * reader.width()) : 0);
    if (!reader.read_pixels(image.pixels.data(), cmyk_row.empty() ? nullptr : cmyk_row.data())) {
        throw_damaged(reader, path);
    }
    return image;
}

}  // namespace vitrine

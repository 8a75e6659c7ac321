// JPEG by libjpeg-turbo, with its default (exact) transform and upsampling, as Pillow uses it.

#include <algorithm>
#include <csetjmp>
#include <cstdio>
#include <cstring>
#include <memory>
#include <new>
#include <optional>
#include <string_view>
// libjpeg's headers need some of the above.
#include <jerror.h>
#include <jpeglib.h>

#include <fmt/format.h>

#include "data/decoders.h"
#include "data/orientation.h"

namespace vitrine {
namespace {

/// Encoders write about ten scans. One that sent every coefficient of every component on its own would come
/// to 64 a component and, bit by bit, to some hundreds; each costs a pass over the whole image, though its
/// data may have a few bytes. This is libjpeg-turbo's own limit for images that nobody vouches for.
constexpr int largest_scan = 500;

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

[[noreturn]] void give_up(j_common_ptr info, const char* reason) {
    auto* handler = reinterpret_cast<ErrorHandler*>(info->err);
    std::snprintf(handler->message, sizeof handler->message, "%s", reason);
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

/// Called after every step of a pass over the data.
void limit_scans(j_common_ptr info) {
    if (reinterpret_cast<j_decompress_ptr>(info)->input_scan_number > largest_scan)
        give_up(info, "more scans than an image needs");
}

/// libjpeg's view of a ByteSource.
struct Input {
    jpeg_source_mgr base;  // first, as above
    ByteSource* source;
    size_t shown;  // bytes that libjpeg was given last
};

Input& input_of(j_decompress_ptr info) { return *reinterpret_cast<Input*>(info->src); }

void begin_input(j_decompress_ptr) {}

boolean next_input(j_decompress_ptr info) {
    Input& input = input_of(info);
    input.source->consume(input.shown);
    const std::span<const uint8_t> bytes = input.source->look();
    if (bytes.empty()) give_up(reinterpret_cast<j_common_ptr>(info), "the file ends early");
    input.shown = bytes.size();
    input.base.next_input_byte = bytes.data();
    input.base.bytes_in_buffer = bytes.size();
    return TRUE;
}

void skip_input(j_decompress_ptr info, long count) {
    jpeg_source_mgr& source = *info->src;
    while (count > static_cast<long>(source.bytes_in_buffer)) {
        count -= static_cast<long>(source.bytes_in_buffer);
        next_input(info);
    }
    if (count <= 0) return;
    source.next_input_byte += count;
    source.bytes_in_buffer -= static_cast<size_t>(count);
}

unsigned next_byte(j_decompress_ptr info) {
    if (info->src->bytes_in_buffer == 0) next_input(info);
    --info->src->bytes_in_buffer;
    return *info->src->next_input_byte++;
}

/// The orientation in APP1 segments: of EXIF, which goes on in a second one where it is long, or of XMP. Has
/// no more than its two buffers, for libjpeg's callbacks must not throw.
class App1Reader {
  public:
    /// Takes a segment, from its length on.
    void read(j_decompress_ptr info) {
        const unsigned high = next_byte(info), low = next_byte(info);
        const unsigned length = high << 8 | low;
        if (length <= 2) return;
        for (unsigned i = 0; i < length - 2; ++i) segment_[i] = static_cast<uint8_t>(next_byte(info));
        take({reinterpret_cast<const char*>(segment_.get()), length - 2});
    }

    int orientation() const {
        return orientation_of(orientation_in_exif({exif_.get(), exif_bytes_}), in_xmp_);
    }

  private:
    void take(std::string_view segment) {
        using namespace std::string_view_literals;
        constexpr std::string_view exif = "Exif\0\0"sv, xmp = "http://ns.adobe.com/xap/1.0/\0"sv;
        if (segment.starts_with(exif)) {
            const std::string_view more = segment.substr(exif.size());
            const size_t count = std::min(more.size(), largest - exif_bytes_);
            std::memcpy(exif_.get() + exif_bytes_, more.data(), count);
            exif_bytes_ += count;
        } else if (segment.starts_with(xmp)) {
            in_xmp_ = orientation_in_xmp(segment);
        }
    }

    static constexpr size_t largest = 1 << 16;  // of a segment
    std::unique_ptr<uint8_t[]> segment_ = std::make_unique_for_overwrite<uint8_t[]>(largest);
    std::unique_ptr<uint8_t[]> exif_ = std::make_unique_for_overwrite<uint8_t[]>(largest);
    size_t exif_bytes_ = 0;
    std::optional<int64_t> in_xmp_;
};

/// Every function that calls libjpeg returns false where libjpeg gave up; message() says why. They keep
/// nothing with a destructor on the stack, for a jump skips destructors.
class JpegReader {
  public:
    explicit JpegReader(ByteSource& source) {
        info_.err = jpeg_std_error(&handler_.base);
        handler_.base.error_exit = give_up;
        handler_.base.emit_message = judge_warning;
        progress_.progress_monitor = limit_scans;
        input_ = {{nullptr, 0, begin_input, next_input, skip_input, jpeg_resync_to_restart, begin_input},
                  &source,
                  0};
    }
    JpegReader(const JpegReader&) = delete;
    JpegReader& operator=(const JpegReader&) = delete;
    ~JpegReader() { jpeg_destroy_decompress(&info_); }

    bool read_header() {
        if (setjmp(handler_.jump) != 0) return false;
        jpeg_create_decompress(&info_);
        info_.src = &input_.base;
        info_.progress = &progress_;
        info_.client_data = this;
        jpeg_set_marker_processor(&info_, JPEG_APP0 + 1, app1_is_here);
        jpeg_read_header(&info_, TRUE);
        orientation_ = app1_.orientation();  // what comes behind the header is none of Pillow's
        return true;
    }

    int64_t width() const { return info_.image_width; }
    int64_t height() const { return info_.image_height; }
    int channels() const { return info_.num_components; }
    int orientation() const { return orientation_; }
    int bits() const { return info_.data_precision; }
    const char* message() const { return handler_.message; }

    /// What libjpeg gave up at, where it is no damage but a kind of JPEG that it does not read.
    std::optional<std::string> unsupported_kind() const {
        const int about = handler_.base.msg_parm.i[0];
        switch (handler_.base.msg_code) {
            case JERR_SOF_UNSUPPORTED:
                return fmt::format("a {} JPEG file", name_of_process(about));
            case JERR_UNKNOWN_MARKER:
                if (about == 0xF7) return "a JPEG-LS file";
                return std::nullopt;
            case JERR_BAD_PRECISION:
                return fmt::format("a JPEG file of {} bits a channel", about);
            case JERR_ARITH_NOTIMPL:
                return "a JPEG file with arithmetic coding";
            default:
                return std::nullopt;
        }
    }

    bool ran_out_of_memory() const { return handler_.base.msg_code == JERR_OUT_OF_MEMORY; }

    /// Beside the pixels: the coefficients of an image in several scans are kept until the last one has come.
    /// Else a few rows of blocks.
    int64_t working_bytes() const {
        if (!has_several_scans()) return 0;
        int64_t bytes = 0;
        for (const jpeg_component_info& component : components())
            bytes += blocks_of(component) * int64_t{DCTSIZE2 * sizeof(JCOEF)};
        return bytes;
    }

    /// The fewest bits that can hold such an image: in one scan, Huffman codes for the mean and for the end
    /// of every block; in several, a bit for the mean of each block of one component. 0 for arithmetic codes,
    /// which have no such bound.
    int64_t fewest_bits() const {
        if (info_.arith_code) return 0;
        int64_t all = 0, fewest = INT64_MAX;
        for (const jpeg_component_info& component : components()) {
            all += blocks_of(component);
            fewest = std::min(fewest, blocks_of(component));
        }
        return has_several_scans() ? fewest : 2 * all;
    }

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
    /// By the frame's marker.
    static const char* name_of_process(int marker) {
        return marker == 0xC3 || marker == 0xCB ? "lossless" : "hierarchical";
    }

    static boolean app1_is_here(j_decompress_ptr info) {
        static_cast<JpegReader*>(info->client_data)->app1_.read(info);
        return TRUE;
    }

    std::span<const jpeg_component_info> components() const {
        return {info_.comp_info, static_cast<size_t>(info_.num_components)};
    }

    static int64_t blocks_of(const jpeg_component_info& component) {
        return int64_t{component.width_in_blocks} * component.height_in_blocks;
    }

    bool has_several_scans() const {
        return info_.progressive_mode || info_.comps_in_scan < info_.num_components;
    }

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
    jpeg_progress_mgr progress_{};
    Input input_{};
    App1Reader app1_;
    int orientation_ = 1;
};

[[noreturn]] void throw_unsupported(const std::string& kind, const std::string& path) {
    throw ImageError(path, fmt::format("{}, which is not supported", kind));
}

[[noreturn]] void throw_unreadable(const JpegReader& reader, const std::string& path) {
    if (reader.ran_out_of_memory()) throw std::bad_alloc();
    if (const std::optional<std::string> kind = reader.unsupported_kind()) throw_unsupported(*kind, path);
    throw ImageError(path, fmt::format("the JPEG data are damaged or truncated ({})", reader.message()));
}

}  // namespace

Image decode_jpeg(ByteSource& source) {
    const std::string& path = source.path();
    JpegReader reader(source);
    if (!reader.read_header()) throw_unreadable(reader, path);
    if (reader.bits() != 8)
        throw_unsupported(fmt::format("a JPEG file of {} bits a channel", reader.bits()), path);
    if (reader.channels() != 1 && reader.channels() != 3 && reader.channels() != 4) {
        throw ImageError(path,
                         fmt::format("the JPEG has {} channels; 1, 3 or 4 are allowed", reader.channels()));
    }
    check_image_size(reader.width(), reader.height(), path);
    require_bytes_for(source, reader.width(), reader.height(), reader.fewest_bits() / 8);
    Image image = make_image(source, reader.width(), reader.height(), reader.working_bytes());
    std::vector<uint8_t> cmyk_row(reader.channels() == 4 ? static_cast<size_t>(4 * reader.width()) : 0);
    if (!reader.read_pixels(image.pixels.data(), cmyk_row.empty() ? nullptr : cmyk_row.data())) {
        throw_unreadable(reader, path);
    }
    image.orientation = reader.orientation();
    return image;
}

}  // namespace vitrine

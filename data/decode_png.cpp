// PNG by libpng, a row at a time: no more is inflated than the header's rows need.

#include <fmt/format.h>
#include <png.h>

#include <algorithm>
#include <csetjmp>
#include <cstdio>
#include <new>
#include <string_view>

#include "data/decoders.h"
#include "data/png_text.h"

namespace vitrine {
namespace {

/// The most bytes that a byte of zlib's format can stand for.
constexpr int64_t largest_deflate_ratio = 1032;

/// Gray with 16 bits is clipped at 255, as Pillow does it; it comes as three equal channels.
void clip_16_bit_gray(png_structp, png_row_infop row, png_bytep data) {
    for (png_uint_32 i = 0; i < 3 * row->width; ++i) {
        const int sample = data[2 * i] << 8 | data[2 * i + 1];
        data[i] = static_cast<png_byte>(std::min(sample, 255));
    }
}

/// libpng is handed pieces of the file and calls back. That way it stops to inflate where the last row has
/// come; where it asks for data itself it inflates all that there is.
///
/// Every function that calls libpng returns false where libpng gave up; message() says why. libpng's
/// callbacks must neither return on an error nor throw through C code: they jump back. So the functions keep
/// nothing with a destructor on the stack.
class PngReader {
  public:
    explicit PngReader(ByteSource& source) : source_(source) {}
    PngReader(const PngReader&) = delete;
    PngReader& operator=(const PngReader&) = delete;
    ~PngReader() { png_destroy_read_struct(&png_, &info_, nullptr); }

    bool read_header() {
        if (setjmp(jump_) != 0) return false;
        png_ = png_create_read_struct(PNG_LIBPNG_VER_STRING, this, give_up, ignore_warning);
        info_ = png_ != nullptr ? png_create_info_struct(png_) : nullptr;
        if (info_ == nullptr) throw std::bad_alloc();
        png_set_progressive_read_fn(png_, this, header_is_here, row_is_here, end_is_here);
        png_set_user_limits(png_, PNG_UINT_31_MAX, PNG_UINT_31_MAX);  // ours are checked with the header
        // Only what pixels depend on: nothing that text or colour profiles inflate to is of interest.
        png_set_keep_unknown_chunks(png_, PNG_HANDLE_CHUNK_NEVER, nullptr, -1);
        png_set_read_user_chunk_fn(png_, this, chunk_is_here);
        while (!has_header_) process();
        return true;
    }

    int64_t width() const { return png_get_image_width(png_, info_); }
    int64_t height() const { return png_get_image_height(png_, info_); }
    /// Bytes of the rows in the file before they are compressed, with the byte before each.
    int64_t raw_bytes() const {
        const int64_t bits = width() * png_get_channels(png_, info_) * png_get_bit_depth(png_, info_);
        return height() * ((bits + 7) / 8 + 1);
    }
    const char* message() const { return message_; }
    int orientation() const { return orientation_.value(); }

    /// Decodes into `pixels` [height, width, 3].
    bool read_pixels(uint8_t* pixels) {
        if (setjmp(jump_) != 0) return false;
        pixels_ = pixels;
        ask_for_rgb();
        png_set_interlace_handling(png_);
        png_read_update_info(png_, info_);
        row_bytes_ = png_get_rowbytes(png_, info_);
        if (static_cast<int64_t>(row_bytes_) != 3 * width()) give_up(png_, "of an unknown kind");
        while (!has_ended_) process();
        if (!has_all_rows()) give_up(png_, "rows are missing");
        return true;
    }

  private:
    [[noreturn]] static void give_up(png_structp png, png_const_charp reason) {
        auto* reader = static_cast<PngReader*>(png_get_error_ptr(png));
        std::snprintf(reader->message_, sizeof reader->message_, "%s", reason);
        std::longjmp(reader->jump_, 1);
    }

    static void ignore_warning(png_structp, png_const_charp) {}

    static PngReader& reader_of(png_structp png) {
        return *static_cast<PngReader*>(png_get_progressive_ptr(png));
    }

    /// What comes after the header waits until there is memory for it.
    static void header_is_here(png_structp png, png_infop) {
        reader_of(png).has_header_ = true;
        reader_of(png).left_over_ = png_process_data_pause(png, 0);
    }

    static void row_is_here(png_structp png, png_bytep row, png_uint_32 y, int) {
        const PngReader& reader = reader_of(png);
        if (row != nullptr && y < reader.height())
            png_progressive_combine_row(png, reader.pixels_ + size_t{y} * reader.row_bytes_, row);
    }

    /// Of the chunks that are no pixels. libpng drops them all, then.
    static int chunk_is_here(png_structp png, png_unknown_chunkp chunk) {
        auto& reader = *static_cast<PngReader*>(png_get_user_chunk_ptr(png));
        reader.orientation_.take({reinterpret_cast<const char*>(chunk->name), 4}, {chunk->data, chunk->size});
        return 1;
    }

    static void end_is_here(png_structp png, png_infop) { reader_of(png).has_ended_ = true; }

    void process() {
        const std::span<const uint8_t> bytes = source_.look();
        if (bytes.empty()) give_up(png_, "the file ends early");
        const size_t count = std::min(bytes.size(), sizeof piece_);
        std::copy_n(bytes.begin(), count, piece_);  // libpng's interface has no const
        left_over_ = 0;
        png_process_data(png_, info_, piece_, count);
        source_.consume(count - left_over_);
    }

    bool has_all_rows() const {
        constexpr int passes = 7;
        return png_get_interlace_type(png_, info_) == PNG_INTERLACE_NONE
                   ? png_get_current_row_number(png_) >= png_get_image_height(png_, info_)
                   : png_get_current_pass_number(png_) >= passes;
    }

    void ask_for_rgb() {
        const int colour_type = png_get_color_type(png_, info_);
        const int depth = png_get_bit_depth(png_, info_);
        if (colour_type == PNG_COLOR_TYPE_PALETTE) png_set_palette_to_rgb(png_);
        if (colour_type == PNG_COLOR_TYPE_GRAY && depth < 8) png_set_expand_gray_1_2_4_to_8(png_);
        if (colour_type == PNG_COLOR_TYPE_GRAY && depth == 16) {
            png_set_read_user_transform_fn(png_, clip_16_bit_gray);
            png_set_user_transform_info(png_, nullptr, 8, 3);
        } else if (depth == 16) {
            png_set_strip_16(png_);  // the high byte stays
        }
        png_set_strip_alpha(png_);
        if ((colour_type & PNG_COLOR_MASK_COLOR) == 0) png_set_gray_to_rgb(png_);
    }

    ByteSource& source_;
    png_structp png_ = nullptr;
    png_infop info_ = nullptr;
    std::jmp_buf jump_;
    char message_[200] = "";
    bool has_header_ = false;
    bool has_ended_ = false;
    PngOrientation orientation_;
    size_t left_over_ = 0;  // of the piece, where libpng paused
    uint8_t* pixels_ = nullptr;
    size_t row_bytes_ = 0;
    uint8_t piece_[16 << 10];
};

[[noreturn]] void throw_damaged(const PngReader& reader, const std::string& path) {
    const std::string_view message = reader.message();
    if (message.find("ut of memory") != std::string_view::npos) throw std::bad_alloc();
    throw ImageError(path, fmt::format("the PNG data are damaged or truncated ({})", message));
}

}  // namespace

Image decode_png(ByteSource& source) {
    PngReader reader(source);
    if (!reader.read_header()) throw_damaged(reader, source.path());
    check_image_size(reader.width(), reader.height(), source.path());
    require_bytes_for(source, reader.width(), reader.height(), reader.raw_bytes() / largest_deflate_ratio);
    Image image = make_image(source, reader.width(), reader.height());
    if (!reader.read_pixels(image.pixels.data())) throw_damaged(reader, source.path());
    image.orientation = reader.orientation();
    return image;
}

}  // namespace vitrine

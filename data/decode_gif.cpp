// GIF by giflib, which finds the first frame and its codes: that frame on the canvas, as Pillow gives it.
// What the frame leaves free is of the transparent colour, or of the palette's first one; nothing is blended,
// and the background colour is not looked at.

#include <fmt/format.h>
#include <gif_lib.h>

#include <algorithm>
#include <array>
#include <memory>
#include <new>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "data/decoders.h"

namespace vitrine {
namespace {

using Colour = std::array<uint8_t, 3>;
using Palette = std::array<Colour, 256>;

/// A code of LZW has nine bits or more and stands for 4096 pixels at most.
constexpr int64_t largest_lzw_ratio = 4096 * 8 / 9;

[[noreturn]] void throw_damaged(const ByteSource& source, std::string_view reason) {
    throw ImageError(source.path(), fmt::format("the GIF data are damaged or truncated ({})", reason));
}

[[noreturn]] void throw_failure(const ByteSource& source, int error) {
    if (error == D_GIF_ERR_NOT_ENOUGH_MEM) throw std::bad_alloc();
    const char* reason = GifErrorString(error);
    throw_damaged(source, reason != nullptr ? reason : "giflib gave no reason");
}

/// What giflib reads from.
struct Input {
    ByteSource& source;
    uint8_t last = 0;  // byte that was read
    bool has_ended = false;
};

int read_source(GifFileType* gif, GifByteType* target, int count) {
    auto& input = *static_cast<Input*>(gif->UserData);
    const size_t got = input.source.read(target, static_cast<size_t>(count));
    if (got > 0) input.last = target[got - 1];
    input.has_ended = got < static_cast<size_t>(count);
    return static_cast<int>(got);
}

void close(GifFileType* gif) {
    int ignored = 0;
    DGifCloseFile(gif, &ignored);
}

using GifFile = std::unique_ptr<GifFileType, decltype(&close)>;

GifFile open(Input& input) {
    int error = 0;
    GifFile gif(DGifOpen(&input, read_source, &error), close);
    if (gif == nullptr) throw_failure(input.source, error);
    return gif;
}

/// Goes past an extension. One for graphics may name a transparent colour.
void read_extension(const ByteSource& source, GifFileType& gif, std::optional<uint8_t>& transparent) {
    int code = 0;
    GifByteType* block = nullptr;  // its length, then its bytes
    if (DGifGetExtension(&gif, &code, &block) == GIF_ERROR) throw_failure(source, gif.Error);
    if (code == GRAPHICS_EXT_FUNC_CODE && block != nullptr && block[0] >= 4 && (block[1] & 1) != 0)
        transparent = block[4];
    while (block != nullptr) {
        if (DGifGetExtensionNext(&gif, &block) == GIF_ERROR) throw_failure(source, gif.Error);
    }
}

/// The header of a frame ends with the bits of its first codes, of which giflib takes no more than eight.
void read_frame_header(GifFileType& gif) {
    if (DGifGetImageDesc(&gif) != GIF_ERROR) return;
    const auto& input = *static_cast<const Input*>(gif.UserData);
    if (!input.has_ended && input.last > 8) {
        throw ImageError(
            input.source.path(),
            fmt::format("a GIF whose codes begin with {} bits, which is not supported", input.last + 1));
    }
    throw_failure(input.source, gif.Error);
}

/// Goes to the first frame, and returns its transparent colour.
std::optional<uint8_t> find_frame(const ByteSource& source, GifFileType& gif) {
    std::optional<uint8_t> transparent;
    for (;;) {
        GifRecordType record = UNDEFINED_RECORD_TYPE;
        if (DGifGetRecordType(&gif, &record) == GIF_ERROR) throw_failure(source, gif.Error);
        if (record == TERMINATE_RECORD_TYPE) throw_damaged(source, "there is no image in it");
        if (record == EXTENSION_RECORD_TYPE) {
            read_extension(source, gif, transparent);
        } else if (record == IMAGE_DESC_RECORD_TYPE) {
            read_frame_header(gif);
            return transparent;
        }
    }
}

/// Whether a table gives each index the gray of that number: such a table says nothing to Pillow.
bool is_gray_ramp(const ColorMapObject& map) {
    for (int i = 0; i < map.ColorCount; ++i) {
        const GifColorType& colour = map.Colors[i];
        if (colour.Red != i || colour.Green != i || colour.Blue != i) return false;
    }
    return true;
}

/// The frame's own colours, or else the file's; gray where neither has any. Black beyond their end.
Palette palette_of(const GifFileType& gif) {
    Palette palette{};
    for (const ColorMapObject* map : {gif.Image.ColorMap, gif.SColorMap}) {
        if (map == nullptr || is_gray_ramp(*map)) continue;
        const auto count = static_cast<size_t>(std::min(map->ColorCount, 256));
        std::transform(map->Colors, map->Colors + count, palette.begin(), [](const GifColorType& colour) {
            return Colour{colour.Red, colour.Green, colour.Blue};
        });
        return palette;
    }
    for (size_t i = 0; i < palette.size(); ++i) palette[i].fill(static_cast<uint8_t>(i));
    return palette;
}

/// Which row of the frame comes as the next one of the file.
std::vector<int> order_of_rows(const GifImageDesc& frame) {
    struct Pass {
        int first, step;
    };
    static constexpr std::array<Pass, 4> interlaced{{{0, 8}, {4, 8}, {2, 4}, {1, 2}}};
    static constexpr std::array<Pass, 1> plain{{{0, 1}}};
    std::vector<int> rows;
    const auto passes = frame.Interlace ? std::span<const Pass>(interlaced) : std::span<const Pass>(plain);
    for (const Pass& pass : passes) {
        for (int row = pass.first; row < frame.Height; row += pass.step) rows.push_back(row);
    }
    return rows;
}

/// The strings that codes stand for. giflib's own expansion makes something of codes that stand for nothing;
/// here they are damage.
class Strings {
  public:
    explicit Strings(int bits) : clear_(1 << bits) {}

    int clear_code() const { return clear_; }
    void clear() {
        next_ = clear_ + 2;
        last_ = none;
    }

    /// The pixels of the next code, the last one first; none for a code that does not exist.
    std::span<const uint8_t> backwards(int code) {
        if (code > (last_ == none ? clear_ - 1 : next_)) return {};
        size_t count = 0;
        int rest = code;
        if (code == next_) {  // the string that is about to be made: the one before and its first pixel
            pixels_[count++] = first_;
            rest = last_;
        }
        for (; rest >= clear_; rest = before_[static_cast<size_t>(rest)])
            pixels_[count++] = pixel_[static_cast<size_t>(rest)];
        pixels_[count++] = first_ = static_cast<uint8_t>(rest);
        if (last_ != none && next_ < most) {
            before_[static_cast<size_t>(next_)] = static_cast<uint16_t>(last_);
            pixel_[static_cast<size_t>(next_)] = first_;
            ++next_;
        }
        last_ = code;
        return {pixels_.data(), count};
    }

  private:
    static constexpr int most = 4096, none = -1;
    const int clear_;
    int next_ = clear_ + 2;  // the code of the next string
    int last_ = none;
    uint8_t first_ = 0;  // pixel of the last string
    std::array<uint16_t, most> before_{};
    std::array<uint8_t, most> pixel_{}, pixels_{};
};

/// The frame's pixels, row by row as the file has them.
class FrameWriter {
  public:
    FrameWriter(const GifImageDesc& frame, const Palette& palette, Image& image)
        : frame_(frame), palette_(palette), image_(image), rows_(order_of_rows(frame)) {}

    bool is_full() const { return row_ == rows_.size(); }
    void add(uint8_t index) {
        const int64_t y = frame_.Top + rows_[row_], x = frame_.Left + column_;
        std::copy_n(palette_[index].begin(), 3, image_.pixels.begin() + 3 * (y * image_.width + x));
        if (++column_ < frame_.Width) return;
        column_ = 0;
        ++row_;
    }

  private:
    const GifImageDesc& frame_;
    const Palette& palette_;
    Image& image_;
    const std::vector<int> rows_;
    size_t row_ = 0;
    int column_ = 0;
};

/// `bits` are those of the frame's header. What comes behind the last pixel is not looked at.
void decode_frame(const ByteSource& source, GifFileType& gif, int bits, FrameWriter writer) {
    Strings strings(bits);
    while (!writer.is_full()) {
        int code = 0;
        if (DGifGetLZCodes(&gif, &code) == GIF_ERROR) throw_failure(source, gif.Error);
        if (code < 0) throw_damaged(source, "its codes end early");
        if (code == strings.clear_code()) {
            strings.clear();
            continue;
        }
        const std::span<const uint8_t> pixels = strings.backwards(code);
        if (pixels.empty()) throw_damaged(source, "a code that stands for nothing");
        for (size_t i = pixels.size(); i > 0 && !writer.is_full(); --i) writer.add(pixels[i - 1]);
    }
}

}  // namespace

Image decode_gif(ByteSource& source) {
    Input input{source};
    const GifFile gif = open(input);
    const std::optional<uint8_t> transparent = find_frame(source, *gif);
    const int bits = input.last;  // the end of the frame's header
    const GifImageDesc& frame = gif->Image;
    if (frame.Width < 1 || frame.Height < 1) throw_damaged(source, "the first frame has no pixels");
    // A frame that goes over the edge makes the canvas larger.
    const int64_t width = std::max(gif->SWidth, frame.Left + frame.Width);
    const int64_t height = std::max(gif->SHeight, frame.Top + frame.Height);
    check_image_size(width, height, source.path());
    // The frame is what the bytes are of; a small one may lie on a large canvas.
    require_bytes_for(source, frame.Width, frame.Height,
                      int64_t{frame.Width} * frame.Height / largest_lzw_ratio);
    require_bytes_for_detail(source, width, height);
    Image image = make_image(source, width, height);
    const Palette palette = palette_of(*gif);
    if (frame.Width < width || frame.Height < height) {
        const Colour& around = palette[transparent.value_or(0)];
        for (auto pixel = image.pixels.begin(); pixel != image.pixels.end();)
            pixel = std::copy_n(around.begin(), 3, pixel);
    }
    decode_frame(source, *gif, bits, FrameWriter(frame, palette, image));
    return image;
}

}  // namespace vitrine

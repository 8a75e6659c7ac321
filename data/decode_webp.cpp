// WebP by libwebp: a still image, or the first frame of an animation on its canvas. Alpha is decoded and
// dropped.

#include <fmt/format.h>
#include <webp/decode.h>
#include <webp/demux.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <new>
#include <optional>
#include <span>
#include <string_view>

#include "data/decoders.h"
#include "data/orientation.h"

namespace vitrine {
namespace {

constexpr size_t chunk_head_bytes = 8;  // name, length
constexpr size_t riff_head_bytes = 12;  // RIFF, length, WEBP

[[noreturn]] void throw_damaged(const ByteSource& source, std::string_view reason) {
    throw ImageError(source.path(), fmt::format("the WebP data are damaged or truncated ({})", reason));
}

int64_t little_endian(const uint8_t* bytes, size_t count) {
    int64_t value = 0;
    for (size_t i = 0; i < count; ++i) value |= int64_t{bytes[i]} << (8 * i);
    return value;
}

bool is_named(const uint8_t* chunk, std::string_view name) {
    return std::memcmp(chunk, name.data(), name.size()) == 0;
}

/// What the first chunk says, before anything is decoded.
struct WebpHeader {
    explicit WebpHeader(ByteSource& source) {
        std::array<uint8_t, 30> start{};
        const std::span<const uint8_t> ready = source.look();
        // A lossless image may be shorter than the header of another.
        const size_t fewest = is_lossless(ready) ? 25 : start.size();
        if (ready.size() < fewest) throw_damaged(source, "the header is cut short");
        std::copy_n(ready.begin(), std::min(ready.size(), start.size()), start.begin());
        // A length of 32 bits and the eight bytes before what it counts.
        bytes = little_endian(&start[4], 4) + int64_t{chunk_head_bytes};
        const uint8_t* chunk = &start[riff_head_bytes];
        if (is_named(chunk, "VP8 ")) {
            kind = Kind::lossy;
            width = little_endian(&start[26], 2) & 0x3FFF;
            height = little_endian(&start[28], 2) & 0x3FFF;
        } else if (is_named(chunk, "VP8L")) {
            const int64_t bits = little_endian(&start[21], 4);
            kind = Kind::lossless;
            width = (bits & 0x3FFF) + 1;
            height = (bits >> 14 & 0x3FFF) + 1;
        } else if (is_named(chunk, "VP8X")) {
            kind = Kind::extended;
            says_exif = (start[20] & EXIF_FLAG) != 0;
            says_xmp = (start[20] & XMP_FLAG) != 0;
            width = little_endian(&start[24], 3) + 1;
            height = little_endian(&start[27], 3) + 1;
        } else {
            throw_damaged(source, "the first chunk is no image");
        }
    }

    static bool is_lossless(std::span<const uint8_t> start) {
        return start.size() >= riff_head_bytes + chunk_head_bytes &&
               is_named(&start[riff_head_bytes], "VP8L");
    }

    enum class Kind { lossy, lossless, extended };
    Kind kind = Kind::lossy;
    int64_t width = 0, height = 0;
    int64_t bytes = 0;  // of the file, where it is whole
    bool says_exif = false, says_xmp = false;
};

void check_bytes(const ByteSource& source, const WebpHeader& header) {
    if (source.size() < static_cast<uint64_t>(header.bytes))
        throw_damaged(source, fmt::format("the file has {} bytes of {}", source.size(), header.bytes));
    if (header.kind == WebpHeader::Kind::lossy) {
        // To say how a block of 16 x 16 pixels is predicted takes more than two bits.
        const int64_t blocks = ((header.width + 15) / 16) * ((header.height + 15) / 16);
        require_bytes_for(source, header.width, header.height, blocks * 2 / 8);
    } else {
        require_bytes_for_detail(source, header.width, header.height);
    }
}

/// What libwebp allocates beside the pixels that it is given: the whole image as 32 bits a pixel where it is
/// lossless, and a plane of alpha, which is coded in the same way.
int64_t decoder_bytes(const WebpHeader& header) {
    const int64_t pixels = header.width * header.height;
    switch (header.kind) {
        case WebpHeader::Kind::lossy:
            return 0;
        case WebpHeader::Kind::lossless:
            return 4 * pixels;
        case WebpHeader::Kind::extended:
            return 5 * pixels;
    }
    return 0;
}

/// The file's chunks, in order.
class Chunks {
  public:
    Chunks(ByteSource& source, const WebpHeader& header) : source_(source), header_(header) {}

    /// The file up to the end of its first frame: no byte of the others, of which there may be thousands.
    std::vector<uint8_t> up_to_first_frame() {
        std::vector<uint8_t> bytes;
        append(riff_head_bytes, bytes);
        while (has_more()) {
            const size_t start = bytes.size();
            append(chunk_head_bytes, bytes);
            const size_t length = length_of(&bytes[start]);
            append(length + length % 2, bytes);
            for (const std::string_view name : {"VP8 ", "VP8L", "ANMF"}) {
                if (is_named(&bytes[start], name)) return bytes;
            }
            note(&bytes[start], {&bytes[start] + chunk_head_bytes, length});
        }
        throw_damaged(source_, "there is no image in it");
    }

    /// Looks for what the header says is there of EXIF and XMP, which come behind the image: no damage to it
    /// where they do not.
    int orientation() {
        while (is_told_of_more() && has_more()) {
            std::array<uint8_t, chunk_head_bytes> head{};
            if (take(head.data(), head.size()) < head.size()) break;
            const size_t length = length_of(head.data());
            if (is_named(head.data(), "EXIF") || is_named(head.data(), "XMP ")) {
                std::vector<uint8_t> body;
                if (!append_what_comes(length, body)) break;
                note(head.data(), body);
            } else {
                at_ += static_cast<int64_t>(source_.skip(length));
            }
            at_ += static_cast<int64_t>(source_.skip(length % 2));
        }
        return orientation_of(exif_.value_or(std::nullopt), xmp_.value_or(std::nullopt));
    }

  private:
    bool is_told_of_more() const { return (header_.says_exif && !exif_) || (header_.says_xmp && !xmp_); }
    bool has_more() const { return at_ + int64_t{chunk_head_bytes} <= header_.bytes; }

    static size_t length_of(const uint8_t* head) { return static_cast<size_t>(little_endian(head + 4, 4)); }

    size_t take(uint8_t* target, size_t count) {
        const size_t got = source_.read(target, count);
        at_ += static_cast<int64_t>(got);
        return got;
    }

    /// In pieces: no memory for bytes that do not come.
    bool append_what_comes(size_t count, std::vector<uint8_t>& bytes) {
        while (count > 0) {
            const size_t piece = std::min(count, size_t{1} << 20), before = bytes.size();
            bytes.resize(before + piece);
            if (take(&bytes[before], piece) < piece) return false;
            count -= piece;
        }
        return true;
    }

    void append(size_t count, std::vector<uint8_t>& bytes) {
        if (!append_what_comes(count, bytes)) throw_damaged(source_, "the file ends early");
    }

    void note(const uint8_t* head, std::span<const uint8_t> body) {
        if (header_.says_exif && !exif_ && is_named(head, "EXIF")) exif_ = orientation_in_exif(body);
        if (header_.says_xmp && !xmp_ && is_named(head, "XMP "))
            xmp_ = orientation_in_xmp({reinterpret_cast<const char*>(body.data()), body.size()});
    }

    ByteSource& source_;
    const WebpHeader& header_;
    int64_t at_ = 0;
    /// Of the first chunk of each kind, where there was one.
    std::optional<std::optional<int64_t>> exif_, xmp_;
};

using Demuxer = std::unique_ptr<WebPDemuxer, decltype(&WebPDemuxDelete)>;

/// The first frame of what Chunks::up_to_first_frame gave.
class FirstFrame {
  public:
    explicit FirstFrame(const ByteSource& source, const std::vector<uint8_t>& bytes)
        : demuxer_(demuxer_of(bytes), WebPDemuxDelete) {
        if (demuxer_ == nullptr || WebPDemuxGetFrame(demuxer_.get(), 1, &frame_) == 0 || frame_.complete == 0)
            throw_damaged(source, "the chunks do not fit together");
    }
    FirstFrame(const FirstFrame&) = delete;
    FirstFrame& operator=(const FirstFrame&) = delete;
    ~FirstFrame() { WebPDemuxReleaseIterator(&frame_); }

    const WebPIterator& operator*() const { return frame_; }

  private:
    static WebPDemuxer* demuxer_of(const std::vector<uint8_t>& bytes) {
        const WebPData data{bytes.data(), bytes.size()};
        WebPDemuxState state{};
        return WebPDemuxPartial(&data, &state);
    }

    Demuxer demuxer_;
    WebPIterator frame_{};
};

std::string_view reason_of(VP8StatusCode status) {
    switch (status) {
        case VP8_STATUS_BITSTREAM_ERROR:
            return "the coded data are wrong";
        case VP8_STATUS_UNSUPPORTED_FEATURE:
            return "a feature that does not exist";
        case VP8_STATUS_NOT_ENOUGH_DATA:
            return "the data end early";
        default:
            return "no image comes of it";
    }
}

/// Of libwebp's word that memory ran out: it did so where there is none for all that the decoder takes. libwebp 1.5 says the same of
/// damaged alpha.
void throw_if_memory_ran_out(int64_t decoder_takes) {
    constexpr int64_t rows_under_way = int64_t{4} << 20;
    // By name: a new-expression whose memory is not used may be left out.
    ::operator delete(::operator new(static_cast<size_t>(decoder_takes + rows_under_way)));
}

/// Decodes the frame to its place on the black canvas.
void decode_frame(const ByteSource& source, const WebPIterator& frame, int64_t decoder_takes, Image& image) {
    if (frame.x_offset + int64_t{frame.width} > image.width ||
        frame.y_offset + int64_t{frame.height} > image.height)
        throw_damaged(source, "the first frame is larger than the image");
    WebPDecoderConfig config;
    if (WebPInitDecoderConfig(&config) == 0) throw Error("libwebp is of another version than its headers");
    const auto place = static_cast<size_t>(3 * (frame.y_offset * image.width + frame.x_offset));
    config.output.colorspace = MODE_RGB;
    config.output.is_external_memory = 1;
    config.output.u.RGBA = {image.pixels.data() + place, static_cast<int>(3 * image.width),
                            image.pixels.size() - place};
    const VP8StatusCode status = WebPDecode(frame.fragment.bytes, frame.fragment.size, &config);
    WebPFreeDecBuffer(&config.output);
    if (status == VP8_STATUS_OUT_OF_MEMORY) throw_if_memory_ran_out(decoder_takes);
    if (status != VP8_STATUS_OK) throw_damaged(source, reason_of(status));
    if (config.output.width != frame.width || config.output.height != frame.height)
        throw_damaged(source, "the first frame has another size than its header says");
}

}  // namespace

Image decode_webp(ByteSource& source) {
    const WebpHeader header(source);
    check_image_size(header.width, header.height, source.path());
    check_bytes(source, header);
    Image image = make_image(source, header.width, header.height, decoder_bytes(header) + header.bytes);
    Chunks chunks(source, header);
    const std::vector<uint8_t> bytes = chunks.up_to_first_frame();
    const FirstFrame frame(source, bytes);
    decode_frame(source, *frame, decoder_bytes(header), image);
    image.orientation = chunks.orientation();
    return image;
}

}  // namespace vitrine

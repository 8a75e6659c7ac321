// Golden images damaged in every place: whatever the bytes, a decoder gives an image or an ImageError. Under
// the sanitizers this also shows that it stays within its memory.

#include <doctest/doctest.h>
#include <zlib.h>

#include <algorithm>
#include <string>

#include "data/image.h"
#include "data/image_format.h"
#include "tests/data/support.h"

using namespace vitrine;
using namespace vitrine::test;

namespace fs = std::filesystem;

namespace {

/// The smallest of each kind of file, from the folder of the golden images.
const std::vector<std::string> all_names = {"rgb_420.jpg",
                                            "progressive.jpg",
                                            "cmyk.jpg",
                                            "restart.jpg",
                                            "gray.jpg",
                                            "rgb.png",
                                            "gray_16bit.png",
                                            "interlaced.png",
                                            "rgba_16bit.png",
                                            "palette_4bit.png",
                                            "palette_too_short.png",
                                            "bilevel.bmp",
                                            "rgb565.bmp",
                                            "palette.bmp",
                                            "rgba.bmp",
                                            "rgb.bmp",
                                            "os2_1bit.bmp",
                                            "os2_version2.bmp",
                                            "few_colours.bmp",
                                            "header_124.bmp",
                                            "rle8.bmp",
                                            "rle4.bmp",
                                            "bilevel.pbm",
                                            "bilevel_plain.pbm",
                                            "gray_plain.pgm",
                                            "gray.pfm",
                                            "orientation_6.jpg",
                                            "orientation_in_xmp.jpg",
                                            "orientation_6.png",
                                            "gray.pgm",
                                            "gray_16bit.pgm",
                                            "rgb.ppm_file",
                                            "rgb_16bit.ppm_file",
                                            "../formats/lossy.webp",
                                            "../formats/lossless.webp",
                                            "../formats/lossy_alpha.webp",
                                            "../formats/animation.webp",
                                            "../formats/87a.gif",
                                            "../formats/placed.gif",
                                            "../formats/rgb_8.tiff",
                                            "../formats/rgb_16_extra.tiff",
                                            "../formats/palette_4.tiff",
                                            "../formats/gray_12.tiff",
                                            "../formats/subsampled.tiff",
                                            "../formats/jpeg_pieces.tiff",
                                            "../formats/pillow_1.tiff",
                                            "../formats/pillow_RGBA.tiff"};

/// Those that this build reads.
const std::vector<std::string> names = [] {
    std::vector<std::string> read = all_names;
    std::erase_if(read, [](const std::string& name) {
        return !image_format(first_bytes(golden_images() / name)).is_read();
    });
    return read;
}();

/// True where it is an image. Anything but an ImageError fails the test.
bool is_image(const Bytes& bytes) {
    try {
        const Image image = decode_image(bytes, "damaged", Turning::upright);
        CHECK(image.pixels.size() == static_cast<size_t>(3 * image.height * image.width));
        return true;
    } catch (const ImageError&) {
        return false;
    }
}

void add_big_endian(Bytes& bytes, uint32_t value) {
    for (int shift = 24; shift >= 0; shift -= 8) bytes.push_back(static_cast<uint8_t>(value >> shift));
}

void add_chunk(Bytes& png, const std::string& name, const Bytes& body) {
    add_big_endian(png, static_cast<uint32_t>(body.size()));
    const size_t start = png.size();
    png.insert(png.end(), name.begin(), name.end());
    png.insert(png.end(), body.begin(), body.end());
    add_big_endian(png, static_cast<uint32_t>(crc32_z(0, &png[start], png.size() - start)));
}

/// A white PNG of one bit a pixel.
Bytes white_png(uint32_t width, uint32_t height) {
    Bytes header;
    add_big_endian(header, width);
    add_big_endian(header, height);
    header.insert(header.end(), {1, 0, 0, 0, 0});
    const size_t row_bytes = 1 + (width + 7) / 8;
    Bytes rows(height * row_bytes, 0xFF);
    for (size_t row = 0; row < height; ++row) rows[row * row_bytes] = 0;  // no filter
    uLongf packed_bytes = compressBound(rows.size());
    Bytes packed(packed_bytes);
    REQUIRE(compress2(packed.data(), &packed_bytes, rows.data(), rows.size(), 1) == Z_OK);
    packed.resize(packed_bytes);
    Bytes png = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1A, '\n'};
    add_chunk(png, "IHDR", header);
    add_chunk(png, "IDAT", packed);
    add_chunk(png, "IEND", {});
    return png;
}

}  // namespace

TEST_CASE("a file cut short after any byte is an image or an ImageError") {
    for (const std::string& name : names) {
        CAPTURE(name);
        const Bytes whole = read_bytes(golden_images() / name);
        REQUIRE(is_image(whole));
        for (size_t size = 0; size < whole.size(); ++size) {
            CAPTURE(size);
            // Half of its bytes can be no whole image in any format.
            const bool image =
                is_image(Bytes(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size)));
            if (2 * size < whole.size()) CHECK(!image);
        }
    }
}

TEST_CASE("a file with any byte changed is an image or an ImageError") {
    for (const std::string& name : names) {
        CAPTURE(name);
        Bytes bytes = read_bytes(golden_images() / name);
        for (size_t at = 0; at < bytes.size(); ++at) {
            CAPTURE(at);
            const uint8_t sound = bytes[at];
            for (const int flip : {0x01, 0x80, 0xFF}) {
                bytes[at] = static_cast<uint8_t>(sound ^ flip);
                is_image(bytes);
            }
            bytes[at] = sound;
        }
    }
}

TEST_CASE("a folder of damaged files loads without them") {
    const TemporaryFolder folder;
    write_image_folder(folder.path() / "set");
    const fs::path damaged = folder.path() / "set" / "train" / "ant";
    size_t files = 0;
    for (const std::string& name : names) {
        const Bytes whole = read_bytes(golden_images() / name);
        for (size_t part = 1; part <= 4; ++part) {
            const auto end = static_cast<std::ptrdiff_t>(whole.size() * part / 10);
            write_bytes(damaged / (fs::path(name).filename().string() + std::to_string(part) + ".png"),
                        Bytes(whole.begin(), whole.begin() + end));
            ++files;
        }
    }
    const DatasetOptions options = folder_options(folder.path() / "set", folder.path() / "cache");
    for (int run = 0; run < 2; ++run) {  // decoded, then from the cache
        const Dataset dataset = load_dataset(options);
        CHECK(dataset.train.count == 12);
        CHECK(dataset.skipped.size() == files);
    }
}

TEST_CASE(
    "a large photograph among others is read, and a header that claims more than any memory is skipped") {
    const TemporaryFolder folder;
    write_image_folder(folder.path() / "set");
    const fs::path ant = folder.path() / "set" / "train" / "ant";
    write_text(ant / "claims.ppm", "P6 70000 70000 255 ");
    write_bytes(ant / "large.png", white_png(12'000, 9'000));
    const Dataset dataset = load_dataset(folder_options(folder.path() / "set", folder.path() / "cache"));
    REQUIRE(dataset.train.count == 13);
    CHECK(dataset.train.image(4)[0] == 255);
    REQUIRE(dataset.skipped.size() == 1);
    CHECK(contains(dataset.skipped[0].reason, "70000x70000"));
}

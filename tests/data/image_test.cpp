// Decoding against Pillow's results, and every way in which a file can be unreadable.

#include "data/image.h"

#include <doctest/doctest.h>
#include <jpeglib.h>
#include <zlib.h>

#include <algorithm>
#include <cstring>

#include "tests/data/support.h"

using namespace vitrine;
using namespace vitrine::test;

namespace {

std::string decode_error(const Bytes& bytes) {
    return error_of([&] { decode_image(bytes, "folder/file"); });
}

Bytes bytes_of(const std::string& text) { return Bytes(text.begin(), text.end()); }

void put_big_endian(Bytes& bytes, size_t at, uint32_t value) {
    for (size_t i = 0; i < 4; ++i) bytes[at + i] = static_cast<uint8_t>(value >> (24 - 8 * i));
}

/// The golden PNG with another width and height in its header, its checksum put right.
Bytes png_with_size(uint32_t width, uint32_t height) {
    Bytes bytes = read_bytes(golden_images() / "rgb.png");
    put_big_endian(bytes, 16, width);
    put_big_endian(bytes, 20, height);
    put_big_endian(bytes, 29, static_cast<uint32_t>(crc32_z(0, &bytes[12], 17)));
    return bytes;
}

/// The golden JPEG with another width and height in its frame header.
Bytes jpeg_with_size(uint16_t width, uint16_t height) {
    Bytes bytes = read_bytes(golden_images() / "rgb_420.jpg");
    const uint8_t start_of_frame[] = {0xFF, 0xC0};
    const auto frame = std::search(bytes.begin(), bytes.end(), start_of_frame, start_of_frame + 2);
    REQUIRE(frame != bytes.end());
    frame[5] = static_cast<uint8_t>(height >> 8);
    frame[6] = static_cast<uint8_t>(height & 0xFF);
    frame[7] = static_cast<uint8_t>(width >> 8);
    frame[8] = static_cast<uint8_t>(width & 0xFF);
    return bytes;
}

}  // namespace

TEST_CASE("every golden image is decoded to Pillow's pixels") {
    int compared = 0;
    for (const auto& entry : std::filesystem::directory_iterator(golden_images())) {
        const std::filesystem::path golden = entry.path().string() + ".ppm";
        if (!std::filesystem::exists(golden)) continue;
        CAPTURE(entry.path().filename().string());
        const Image image = read_image(entry.path());
        const Image expected = read_golden(golden);
        CHECK(image.height == expected.height);
        CHECK(image.width == expected.width);
        CHECK(image.pixels == expected.pixels);
        ++compared;
    }
    CHECK(compared == 40);
}

TEST_CASE("a file that is no image is refused with its path and the reason") {
    CHECK(decode_error({}) == "folder/file: the file is empty");
    CHECK(decode_error(bytes_of("hello, world")) ==
          "folder/file: not an image file: JPEG, PNG, BMP, PGM and PPM are read");
    CHECK(contains(decode_error(bytes_of("GIF89a........")), "a GIF file, which is not supported"));
    CHECK(contains(decode_error(bytes_of("RIFF....WEBPVP8 ")), "a WebP file, which is not supported"));
    CHECK(contains(decode_error({'I', 'I', '*', 0, 8, 0, 0, 0}), "a TIFF file, which is not supported"));
    CHECK(contains(decode_error({'M', 'M', 0, '*', 0, 0, 0, 8}), "a TIFF file, which is not supported"));
    CHECK(
        contains(decode_error(bytes_of("....ftypheic....")), "a HEIF or AVIF file, which is not supported"));
}

TEST_CASE("a file that cannot be read is refused") {
    const TemporaryFolder folder;
    const auto missing = folder.path() / "none.jpg";
    CHECK(error_of([&] { read_image(missing); }) ==
          missing.string() + ": the file cannot be read (No such file or directory)");
    CHECK(contains(error_of([&] { read_image(folder.path()); }), "the file cannot be read"));
}

TEST_CASE("an image cut short anywhere is refused") {
    for (const char* name :
         {"rgb_420.jpg", "progressive.jpg", "cmyk.jpg", "rgb.png", "gray_16bit.png", "rgb.bmp", "palette.bmp",
          "rgb565.bmp", "rgb.ppm_file", "gray.pgm", "gray_16bit.pgm"}) {
        const Bytes whole = read_bytes(golden_images() / name);
        // A JPEG header is a third of these small files: it must be cut in the header and in the data.
        for (size_t size = 0; size + 1 < whole.size(); size += size < 40 ? 1 : 13) {
            CAPTURE(name);
            CAPTURE(size);
            CHECK(contains(
                decode_error(Bytes(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size))),
                "folder/file: "));
        }
    }
}

TEST_CASE("damaged data are refused") {
    SUBCASE("PNG, by its checksums") {
        Bytes bytes = read_bytes(golden_images() / "rgb.png");
        bytes[bytes.size() / 2] ^= 1;
        CHECK(decode_error(bytes) == "folder/file: the PNG data are damaged (a checksum does not match)");
    }
    SUBCASE("PNG without its header") {
        Bytes bytes = read_bytes(golden_images() / "rgb.png");
        bytes.erase(bytes.begin() + 8, bytes.begin() + 33);
        CHECK(contains(decode_error(bytes), "the header chunk is not where it belongs"));
    }
    SUBCASE("PNG with a chunk that must be understood but is not") {
        Bytes bytes = read_bytes(golden_images() / "rgb.png");
        Bytes chunk = {0, 0, 0, 0, 'X', 0xE2, 'X', 'X', 0, 0, 0, 0};
        put_big_endian(chunk, 8, static_cast<uint32_t>(crc32_z(0, &chunk[4], 4)));
        bytes.insert(bytes.begin() + 33, chunk.begin(), chunk.end());
        CHECK(decode_error(bytes) == "folder/file: the PNG data are damaged (a chunk of an unknown kind)");
    }
    SUBCASE("PNG of a kind that does not exist") {
        Bytes bytes = read_bytes(golden_images() / "rgb.png");
        bytes[24] = 7;  // bits a channel
        put_big_endian(bytes, 29, static_cast<uint32_t>(crc32_z(0, &bytes[12], 17)));
        CHECK(contains(decode_error(bytes), "the PNG data are damaged or of an unknown kind"));
    }
    SUBCASE("JPEG with a marker in its data") {
        Bytes bytes = read_bytes(golden_images() / "rgb_444.jpg");
        bytes[bytes.size() - 100] = 0xFF;
        bytes[bytes.size() - 99] = 0xD9;
        CHECK(contains(decode_error(bytes), "the JPEG data are damaged or truncated (Corrupt JPEG data"));
    }
    SUBCASE("JPEG without a frame") {
        CHECK(contains(decode_error({0xFF, 0xD8, 0xFF, 0xD9}), "the JPEG data are damaged or truncated"));
    }
    SUBCASE("BMP with a size of header that does not exist") {
        Bytes bytes = read_bytes(golden_images() / "rgb.bmp");
        bytes[14] = 77;
        CHECK(contains(decode_error(bytes), "the BMP data are damaged or of an unknown kind"));
    }
    SUBCASE("PGM and PPM headers") {
        CHECK(contains(decode_error(bytes_of("P5 3 x")), "a number is missing"));
        CHECK(
            contains(decode_error(bytes_of("P5 3 3 70000 ")), "the PGM or PPM maximum is 70000; 1 to 65535"));
        CHECK(contains(decode_error(bytes_of("P6 0 3 255 ")), "the header says 0x3 pixels"));
    }
}

TEST_CASE("stray bytes that change no pixel are no damage") {
    Bytes bytes = read_bytes(golden_images() / "rgb_444.jpg");
    const Image image = decode_image(bytes, "original");
    bytes.insert(bytes.end() - 2, {0x12, 0x34});  // libjpeg warns of extraneous bytes before the end marker
    bytes.insert(bytes.end(), {0, 0, 0});
    CHECK(decode_image(bytes, "with stray bytes").pixels == image.pixels);
}

TEST_CASE("a size over the limits is refused from the header alone") {
    const auto too_large = [](const Bytes& bytes) {
        try {
            decode_image(bytes, "big");
        } catch (const ImageTooLarge& error) {
            return std::string(error.what());
        }
        return std::string("not ImageTooLarge");
    };
    CHECK(too_large(png_with_size(70'000, 1)) ==
          "big: the image has 70000x1 pixels; at most 65535 on a side and 100000000 in all are allowed");
    CHECK(contains(too_large(png_with_size(0x7FFFFFFF, 0x7FFFFFFF)),
                   "the image has 2147483647x2147483647 pixels"));
    CHECK(contains(too_large(png_with_size(20'000, 20'000)), "20000x20000"));
    CHECK(contains(too_large(jpeg_with_size(65'000, 65'000)), "65000x65000"));
    CHECK(contains(too_large(bytes_of("P6 100000 2 255 ")), "100000x2"));
    CHECK(contains(too_large(bytes_of("P5 9999999999 9999999999 255 ")), "9999999999x9999999999"));
    Bytes bmp = read_bytes(golden_images() / "rgb.bmp");
    bmp[20] = 1;  // the third byte of the width
    CHECK(contains(too_large(bmp), "pixels; at most 65535 on a side"));
}

TEST_CASE("a JPEG of two channels is refused") {
    jpeg_compress_struct info{};
    jpeg_error_mgr errors{};
    info.err = jpeg_std_error(&errors);
    jpeg_create_compress(&info);
    unsigned char* memory = nullptr;
    unsigned long size = 0;
    jpeg_mem_dest(&info, &memory, &size);
    info.image_width = info.image_height = 8;
    info.input_components = 2;
    info.in_color_space = JCS_UNKNOWN;
    jpeg_set_defaults(&info);
    jpeg_start_compress(&info, TRUE);
    std::vector<uint8_t> row(16, 128);
    JSAMPROW rows = row.data();
    while (info.next_scanline < info.image_height) jpeg_write_scanlines(&info, &rows, 1);
    jpeg_finish_compress(&info);
    jpeg_destroy_compress(&info);
    const Bytes bytes(memory, memory + size);
    std::free(memory);
    CHECK(decode_error(bytes) == "folder/file: the JPEG has 2 channels; 1, 3 or 4 are allowed");
}

TEST_CASE("the extensions of an image are torchvision's, in either case") {
    for (const char* name :
         {"a.jpg", "a.JPEG", "b.Png", "c.ppm", "d.bmp", "e.pgm", "f.tif", "g.tiff", "h.webp"}) {
        CHECK(has_image_extension(name));
    }
    for (const char* name : {"a.gif", "jpg", ".jpg", "a.jpg.txt", "a", "Thumbs.db"})
        CHECK(!has_image_extension(name));
}

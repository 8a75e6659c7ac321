// Decoding against Pillow's results, and every way in which a file can be unreadable.

#include "data/image.h"

#include <doctest/doctest.h>
#include <jpeglib.h>
#include <sys/stat.h>
#include <zlib.h>

#include <algorithm>
#include <cstring>

#include "data/image_format.h"
#include "tests/data/support.h"

using namespace vitrine;
using namespace vitrine::test;

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
    CHECK(compared == 59);
}

TEST_CASE(
    "images that say how the camera was held are turned where they are wanted upright, and only there") {
    int compared = 0;
    for (const auto& entry : std::filesystem::directory_iterator(golden_images())) {
        const std::filesystem::path golden = entry.path().string() + ".upright.ppm";
        if (!std::filesystem::exists(golden)) continue;
        CAPTURE(entry.path().filename().string());
        const Image expected = read_golden(golden);
        const Image upright = read_image(entry.path(), nullptr, Turning::upright);
        CHECK(upright.height == expected.height);
        CHECK(upright.width == expected.width);
        CHECK(upright.pixels == expected.pixels);
        const Image stored = read_image(entry.path());
        CHECK(stored.height == 5);
        CHECK(stored.width == 7);
        CHECK(stored.orientation == upright.orientation);
        CHECK((stored.pixels == upright.pixels) == (stored.orientation == 1));
        ++compared;
    }
    CHECK(compared == 11);
}

TEST_CASE("a file that is no image is refused with its path and the reason") {
    CHECK(decode_error({}) == "folder/file: the file is empty");
    CHECK(decode_error(bytes_of("hello, world")) == "folder/file: not an image file: " + readable_formats());
    CHECK(readable_formats().starts_with("JPEG, PNG, BMP, "));
    CHECK(readable_formats().ends_with(" are read"));
    CHECK(contains(decode_error(bytes_of("....ftypheic....")), "a HEIF file, which is not supported"));
}

TEST_CASE("formats that are not read are named by their first bytes, whatever a file is called") {
    using namespace std::string_literals;
    const std::vector<std::pair<std::string, std::string>> named = {
        {"....ftypavif....", "an AVIF file"},
        {"....ftypheic....", "a HEIF file"},
        {"....ftypmif1....", "a HEIF or AVIF file"},
        {"\0\0\0\x0CjP  \r\n\x87\n...."s, "a JPEG 2000 file"},
        {"\xFF\x4F\xFF\x51....", "a JPEG 2000 file"},
        {"\0\0\0\x0CJXL \r\n\x87\n...."s, "a JPEG XL file"},
        {"\xFF\x0A......", "a JPEG XL file"},
        {"\0\0\1\0\1\0\x10\x10"s, "an ICO file"},
        {"\0\0\2\0\1\0\x10\x10"s, "a CUR file"},
        {"8BPS\0\1......"s, "a PSD file"},
        {"<svg xmlns='http://www.w3.org/2000/svg'/>", "an SVG file"},
        {"<?xml version='1.0'?>\n<!-- made by hand -->\n<svg/>", "an SVG file"},
        {"P7\nWIDTH 1\nHEIGHT 1\nDEPTH 1\nMAXVAL 255\nENDHDR\n.", "a PAM file"},
        {"P7 332\n#IMGINFO\n", "an XV thumbnail file"},
        {"PF\n1 1\n-1.0\n............", "a colour PFM file"},
        {"\x76\x2F\x31\x01....", "an OpenEXR file"},
        {"\x0A\5\1\x08\0\0\0\0"s, "a PCX file"},
        {"\0\0\2\0\0\0\0\0\0\0\0\0\1\0\1\0\x18\0..."s, "a TGA file"},
        {"\x28\0\0\0\1\0\0\0\1\0\0\0\1\0\x18\0"s, "a DIB file"},
        {"BA\x28\0\0\0\0\0\0\0\0\0\0\0BM"s, "an OS/2 bitmap array file"},
        {"%PDF-1.7", "a PDF file"}};
    for (const auto& [content, name] : named) {
        CAPTURE(name);
        CHECK(
            contains(decode_error(bytes_of(content)), "folder/file: " + name + ", which is not supported: "));
    }
    for (const char* text :
         {"P5", "P53 3 255 ", "P1a", "P8 1 1", "Pf1", "<html><body/></html>", "BMW", "\n"}) {
        CAPTURE(text);
        CHECK(contains(decode_error(bytes_of(text)),
                       std::string(text) == "BMW" ? "the BMP file is truncated" : "not an image file: "));
    }
}

TEST_CASE("JPEG of kinds that libjpeg does not read is named, and not called damaged") {
    const Bytes whole = read_bytes(golden_images() / "rgb_444.jpg");
    const uint8_t start_of_frame[] = {0xFF, 0xC0};
    const auto frame =
        std::search(whole.begin(), whole.end(), start_of_frame, start_of_frame + 2) - whole.begin();
    const auto error_with = [&](uint8_t marker, uint8_t bits) {
        Bytes bytes = whole;
        bytes[static_cast<size_t>(frame) + 1] = marker;
        bytes[static_cast<size_t>(frame) + 4] = bits;
        return decode_error(bytes);
    };
    CHECK(error_with(0xC1, 12) == "folder/file: a JPEG file of 12 bits a channel, which is not supported");
    CHECK(error_with(0xC5, 8) == "folder/file: a hierarchical JPEG file, which is not supported");
    CHECK(error_with(0xCF, 8) == "folder/file: a hierarchical JPEG file, which is not supported");
    CHECK(error_with(0xF7, 8) == "folder/file: a JPEG-LS file, which is not supported");
    CHECK(error_with(0xC9, 8) == "no error");  // any bits mean something to the arithmetic coder
    const Bytes lossless = read_bytes(golden_images() / "lossless.jpg");
    if (const std::string error = decode_error(lossless); error == "no error") {  // a newer libjpeg-turbo
        CHECK(decode_image(lossless, "lossless").pixels ==
              read_golden(golden_images() / "lossless.jpg.expected.ppm").pixels);
    } else {
        CHECK(error == "folder/file: a lossless JPEG file, which is not supported");
    }
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
        bytes[bytes.size() - 17] ^= 1;  // the last byte of the data's checksum
        CHECK(decode_error(bytes) == "folder/file: the PNG data are damaged or truncated (IDAT: CRC error)");
    }
    SUBCASE("PNG without its header") {
        Bytes bytes = read_bytes(golden_images() / "rgb.png");
        bytes.erase(bytes.begin() + 8, bytes.begin() + 33);
        CHECK(contains(decode_error(bytes),
                       "the PNG data are damaged or truncated (Missing IHDR before IDAT)"));
    }
    SUBCASE("PNG with a chunk that must be understood but is not") {
        Bytes bytes = read_bytes(golden_images() / "rgb.png");
        Bytes chunk = {0, 0, 0, 0, 'X', 0xE2, 'X', 'X', 0, 0, 0, 0};
        put_big_endian(chunk, 8, static_cast<uint32_t>(crc32_z(0, &chunk[4], 4)));
        bytes.insert(bytes.begin() + 33, chunk.begin(), chunk.end());
        CHECK(contains(decode_error(bytes), "the PNG data are damaged or truncated ("));
    }
    SUBCASE("PNG of a kind that does not exist") {
        Bytes bytes = read_bytes(golden_images() / "rgb.png");
        bytes[24] = 7;  // bits a channel
        put_big_endian(bytes, 29, static_cast<uint32_t>(crc32_z(0, &bytes[12], 17)));
        CHECK(contains(decode_error(bytes), "the PNG data are damaged or truncated (Invalid IHDR data"));
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
    SUBCASE("PGM and PPM headers") {
        CHECK(contains(decode_error(bytes_of("P5 3 x")), "a number is missing"));
        CHECK(contains(decode_error(bytes_of("P5 3 3")), "a number is missing"));
        CHECK(contains(decode_error(bytes_of("P5 -3 3 255 ")), "a number is missing"));
        CHECK(contains(decode_error(bytes_of("P5 3 12345678901 255 ")), "a number is too long"));
        CHECK(contains(decode_error(bytes_of("P5#3 3 255 ")), "a space is missing"));
        CHECK(contains(decode_error(bytes_of("P5 1 1 255x")), "a number is missing"));
        CHECK(contains(decode_error(bytes_of("P5 3 3 0 ")), "the PGM maximum is 0; 1 to 65535"));
        CHECK(contains(decode_error(bytes_of("P5 3 3 70000 ")), "the PGM maximum is 70000; 1 to 65535"));
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

TEST_CASE("comments of a PGM or PPM header stand where Pillow takes them") {
    const Bytes expected = {7, 7, 7, 9, 9, 9};
    for (const char* header : {"P5 2 1 255\n", "P5#c\n 2 #c 9\r1\n255 ", "P5\t2\v1\f2#c\n55\r"}) {
        CAPTURE(header);
        Bytes bytes = bytes_of(header);
        bytes.insert(bytes.end(), {7, 9});
        CHECK(decode_image(bytes, "comments").pixels == expected);
    }
}

TEST_CASE("an image far wider than it is high is read") {
    std::string text = "P5 70000 1 255 ";
    text.resize(text.size() + 70'000, 'a');
    const Image image = decode_image(bytes_of(text), "wide");
    CHECK(image.width == 70'000);
    CHECK(image.pixels.back() == 'a');
}

TEST_CASE("what is no regular file is not waited for") {
    const TemporaryFolder folder;
    const auto refused = [](const std::filesystem::path& file) {
        return error_of([&] { read_image(file); });
    };
    const auto pipe = folder.path() / "pipe.jpg";
    REQUIRE(mkfifo(pipe.c_str(), 0600) == 0);
    CHECK(refused(pipe) == pipe.string() + ": the file cannot be read (it is a FIFO, but a file is needed)");
    CHECK(contains(refused("/dev/zero"), "the file cannot be read (it is a device"));
    CHECK(contains(refused(folder.path()), "the file cannot be read (it is a folder"));
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

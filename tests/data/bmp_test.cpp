// BMP files of every kind, byte by byte: Pillow's pixels, its surprises too, and the names of what is not
// read.

#include <doctest/doctest.h>
#include <sys/resource.h>

#include <algorithm>
#include <cstring>

#include "tests/data/support.h"

using namespace vitrine;
using namespace vitrine::test;

namespace {

void add(Bytes& bytes, uint32_t value, int count = 4) {
    for (int i = 0; i < count; ++i) bytes.push_back(static_cast<uint8_t>(value >> (8 * i)));
}

/// What differs from file to file. Colours are as they stand there: blue, green, red and a zero.
struct Bmp {
    uint32_t header = 40;
    int32_t width = 1, height = 1;
    uint32_t bits = 24;
    uint32_t compression = 0;
    uint32_t colours = 0;
    Bytes palette = {};
    Bytes pixels = {};
    std::vector<uint32_t> masks = {};
    int64_t offset = -1;  // of the pixels; -1: behind the palette

    Bytes bytes() const {
        Bytes head;
        add(head, header);
        if (header == 12) {
            for (const int32_t side : {width, height}) add(head, static_cast<uint32_t>(side), 2);
            add(head, 1, 2);
            add(head, bits, 2);
        } else {
            for (const int32_t side : {width, height}) add(head, static_cast<uint32_t>(side));
            add(head, 1, 2);
            add(head, bits, 2);
            for (const uint32_t value : {compression, 0U, 0U, 0U, colours, 0U}) add(head, value);
            for (const uint32_t mask : masks) add(head, mask);
            head.resize(std::max<size_t>(head.size(), header));
        }
        head.insert(head.end(), palette.begin(), palette.end());
        Bytes file = {'B', 'M'};
        add(file, 0);
        add(file, 0);
        add(file, static_cast<uint32_t>(offset < 0 ? 14 + static_cast<int64_t>(head.size()) : offset));
        file.insert(file.end(), head.begin(), head.end());
        file.insert(file.end(), pixels.begin(), pixels.end());
        return file;
    }
};

Bytes pixels_of(const Bmp& bmp) { return decode_image(bmp.bytes(), "file").pixels; }

std::string error_of_bmp(const Bmp& bmp) {
    return error_of([&] { decode_image(bmp.bytes(), "file"); });
}

/// Colour i is (i, i + 1, i + 2).
Bytes colours(uint8_t count) {
    Bytes palette;
    for (uint8_t i = 0; i < count; ++i)
        palette.insert(palette.end(), {static_cast<uint8_t>(i + 2), static_cast<uint8_t>(i + 1), i, 0});
    return palette;
}

Bytes gray_levels(int count) {
    Bytes palette;
    for (int i = 0; i < count; ++i) palette.insert(palette.end(), 4, static_cast<uint8_t>(i));
    return palette;
}

}  // namespace

TEST_CASE("every header of a BMP that Pillow reads is read, and other sizes are named") {
    for (const uint32_t header : {12U, 40U, 52U, 56U, 64U, 108U, 124U}) {
        CAPTURE(header);
        CHECK(pixels_of({.header = header, .pixels = {1, 2, 3}}) == Bytes{3, 2, 1});
    }
    for (const uint32_t header : {16U, 0U, 41U, 0xFFFFFFFFU}) {
        CAPTURE(header);
        Bytes bytes = Bmp{.pixels = {1, 2, 3}}.bytes();
        std::memcpy(&bytes[14], &header, sizeof header);
        CHECK(error_of([&] { decode_image(bytes, "file"); }) == "file: a BMP file with a header of " +
                                                                    std::to_string(header) +
                                                                    " bytes, which is not supported");
    }
}

TEST_CASE("a BMP's palette may have any number of colours; those that are missing are black") {
    CHECK(pixels_of({.width = 3, .bits = 8, .colours = 4, .palette = colours(4), .pixels = {1, 3, 200}}) ==
          Bytes{1, 2, 3, 3, 4, 5, 0, 0, 0});
    CHECK(pixels_of({.width = 3, .bits = 4, .colours = 40, .palette = colours(40), .pixels = {0x1F, 0xE0}}) ==
          Bytes{1, 2, 3, 15, 16, 17, 14, 15, 16});
    // Palettes that are shorter than they should be reach into the pixels.
    CHECK(pixels_of({.width = 3, .bits = 8, .palette = {3, 2, 1, 0}, .pixels = {0, 1, 2, 0}}) ==
          Bytes{1, 2, 3, 2, 1, 0, 0, 0, 0});
    Bytes many;
    for (int i = 0; i < 257; ++i) many.insert(many.end(), {0, 0, static_cast<uint8_t>(i), 0});
    CHECK(error_of_bmp({.width = 3, .bits = 8, .colours = 257, .palette = many, .pixels = {0, 1, 2}}) ==
          "file: a BMP file with a palette of 257 colours, which is not supported");
    CHECK(contains(error_of_bmp({.bits = 8, .colours = 0xFFFFFFFF, .pixels = {0, 1, 2}}),
                   "a palette of 4294967295 colours"));
}

TEST_CASE("a BMP's palette of gray levels or of black and white is not looked up, as in Pillow") {
    CHECK(pixels_of(
              {.width = 3, .bits = 8, .colours = 257, .palette = gray_levels(257), .pixels = {0, 1, 255}}) ==
          Bytes{0, 0, 0, 1, 1, 1, 255, 255, 255});
    const Bytes black_and_white = {0, 0, 0, 0, 255, 255, 255, 0};
    CHECK(pixels_of({.width = 3, .bits = 1, .palette = black_and_white, .pixels = {0xA0}}) ==
          Bytes{255, 255, 255, 0, 0, 0, 255, 255, 255});
    // Eight bits a pixel are then read as one, and four as eight: that is what Pillow gives.
    CHECK(pixels_of(
              {.width = 4, .bits = 8, .colours = 2, .palette = black_and_white, .pixels = {0x81, 0, 0, 1}}) ==
          Bytes{255, 255, 255, 0, 0, 0, 0, 0, 0, 0, 0, 0});
    CHECK(pixels_of({.width = 2, .bits = 4, .palette = gray_levels(16), .pixels = {129, 3, 0, 0}}) ==
          Bytes{129, 129, 129, 3, 3, 3});
    CHECK(contains(error_of_bmp({.width = 9, .bits = 4, .palette = gray_levels(16), .pixels = Bytes(8)}),
                   "a BMP file of 4 bits a pixel with the gray levels"));
    CHECK(pixels_of({.width = 3, .bits = 8, .colours = 1, .palette = Bytes(4, 255), .pixels = {0, 1, 0}}) ==
          Bytes{255, 255, 255, 0, 0, 0, 255, 255, 255});
}

TEST_CASE("a BMP's pixels may begin anywhere") {
    const Bmp indexed{.width = 3, .bits = 8, .palette = colours(255), .pixels = {0, 1, 2, 0}};
    for (const int64_t offset : {int64_t{-1}, int64_t{0}}) {
        CAPTURE(offset);
        Bmp bmp = indexed;
        bmp.palette.resize(1024);
        bmp.offset = offset;
        CHECK(pixels_of(bmp) == Bytes{0, 1, 2, 1, 2, 3, 2, 3, 4});
    }
    // As if there were no palette: it is taken to be there.
    CHECK(pixels_of({.width = 3,
                     .bits = 8,
                     .colours = 4,
                     .palette = colours(4),
                     .pixels = {0, 1, 2},
                     .offset = 54}) == Bytes{0, 1, 2, 1, 2, 3, 2, 3, 4});
    CHECK(pixels_of({.pixels = {9, 9, 9, 9, 9, 1, 2, 3}, .offset = 59}) == Bytes{3, 2, 1});
    CHECK(pixels_of({.pixels = {1, 2, 3}, .offset = 0}) == Bytes{3, 2, 1});
    CHECK(pixels_of({.offset = 2}) == Bytes{0, 0, 0});  // in the header
    CHECK(contains(error_of_bmp({.pixels = {1, 2, 3}, .offset = 0xFFFFFFFF}), "the file is truncated"));
}

TEST_CASE("a BMP's rows come from below or from above, and the last one may end with its pixels") {
    const Bytes pixels = {1, 2, 3, 0, 4, 5, 6};
    CHECK(pixels_of({.height = 2, .pixels = pixels}) == Bytes{6, 5, 4, 3, 2, 1});
    CHECK(pixels_of({.height = -2, .pixels = pixels}) == Bytes{3, 2, 1, 6, 5, 4});
    CHECK(contains(error_of_bmp({.height = 2, .pixels = {1, 2, 3, 0, 4, 5}}), "the file is truncated"));
    CHECK(contains(error_of_bmp({.height = -(1 << 25), .pixels = pixels}), "1x4261412864 pixels; at most"));
}

TEST_CASE("a BMP's masks are those that Pillow knows") {
    const Bytes pixel = {1, 2, 3, 4};
    const auto read = [&](std::vector<uint32_t> masks, uint32_t header = 108) {
        return pixels_of(
            {.header = header, .bits = 32, .compression = 3, .pixels = pixel, .masks = std::move(masks)});
    };
    CHECK(read({0xFF0000, 0xFF00, 0xFF, 0}, 40) == Bytes{3, 2, 1});
    CHECK(read({0xFF000000, 0xFF0000, 0xFF00}, 40) == Bytes{4, 3, 2});
    CHECK(read({0xFF000000, 0xFF00, 0xFF}, 52) == Bytes{4, 2, 1});
    CHECK(read({0xFF000000, 0xFF0000, 0xFF00, 0xFF}, 56) == Bytes{4, 3, 2});
    CHECK(read({0xFF, 0xFF00, 0xFF0000, 0xFF000000}) == Bytes{1, 2, 3});
    CHECK(read({0xFF0000, 0xFF00, 0xFF, 0xFF000000}) == Bytes{3, 2, 1});
    CHECK(read({0xFF000000, 0xFF00, 0xFF, 0xFF0000}) == Bytes{4, 2, 1});
    CHECK(read({0, 0, 0, 0}) == Bytes{3, 2, 1});
    CHECK(pixels_of({.bits = 16, .compression = 3, .pixels = {0xE4, 0x53}, .masks = {0x7C00, 0x3E0, 0x1F}}) ==
          Bytes{164, 255, 32});
    CHECK(pixels_of({.bits = 16, .compression = 3, .pixels = {0xE4, 0x53}, .masks = {0xF800, 0x7E0, 0x1F}}) ==
          Bytes{82, 125, 32});
    CHECK(
        error_of_bmp({.bits = 32, .compression = 3, .pixels = pixel, .masks = {0xFF, 0xFF00, 0xFF0000}}) ==
        "file: a BMP file of 32 bits a pixel with the masks ff, ff00, ff0000 and 0, which is not supported");
    CHECK(contains(error_of_bmp({.bits = 8, .compression = 3, .pixels = pixel, .masks = {1, 2, 3}}),
                   "with masks and 8 bits a pixel"));
}

TEST_CASE("BMP files that Pillow does not read are refused by their kind") {
    for (const uint32_t bits : {0U, 2U, 64U, 65535U}) {
        CAPTURE(bits);
        CHECK(error_of_bmp({.width = 16'000, .height = 16'000, .bits = bits}) ==
              "file: a BMP file of " + std::to_string(bits) + " bits a pixel, which is not supported");
    }
    CHECK(contains(error_of_bmp({.compression = 4}),
                   "that holds a JPEG (compression 4), which is not supported"));
    CHECK(contains(error_of_bmp({.compression = 5}),
                   "that holds a PNG (compression 5), which is not supported"));
    CHECK(contains(error_of_bmp({.compression = 77}), "with compression 77, which is not supported"));
    CHECK(contains(error_of_bmp({.bits = 24, .compression = 1}), "with run lengths and 24 bits a pixel"));
    CHECK(contains(error_of_bmp({.width = 0}), "the header says 0x1 pixels"));
    CHECK(contains(error_of_bmp({.header = 12, .height = 0}), "the header says 1x0 pixels"));
}

TEST_CASE("run lengths of a BMP are taken as Pillow takes them") {
    // The index is every first number of a colour.
    const auto indices = [](uint32_t compression, int32_t width, int32_t height, Bytes runs) {
        const Bytes pixels = pixels_of({.width = width,
                                        .height = -height,
                                        .bits = 8,
                                        .compression = compression,
                                        .palette =
                                            [] {
                                                Bytes all = colours(250);
                                                all.resize(1024);
                                                return all;
                                            }(),
                                        .pixels = std::move(runs)});
        Bytes first;
        for (size_t i = 0; i < pixels.size(); i += 3) first.push_back(pixels[i]);
        return first;
    };
    CHECK(indices(1, 4, 1, {4, 7}) == Bytes{7, 7, 7, 7});
    CHECK(indices(1, 4, 1, {0, 3, 7, 8, 9, 99, 1, 6}) == Bytes{7, 8, 9, 6});  // padded to a word
    CHECK(indices(2, 5, 1, {3, 0x12, 2, 0x34}) == Bytes{1, 2, 1, 3, 4});
    CHECK(indices(2, 5, 1, {0, 5, 0x12, 0x34, 0x56, 0}) == Bytes{1, 2, 3, 4, 5});
    CHECK(indices(2, 5, 1, {0, 3, 0x12, 0x30, 2, 0x45}) == Bytes{1, 2, 3, 4, 5});
    SUBCASE("a run ends with its row, and the next begins only after an end of line") {
        CHECK(indices(1, 3, 2, {9, 7, 1, 8, 0, 0, 3, 6}) == Bytes{7, 7, 7, 6, 6, 6});
    }
    SUBCASE("the rest of a row is index 0; the end of a line that is full or empty is nothing") {
        CHECK(indices(1, 3, 2, {1, 7, 0, 0, 3, 6, 0, 0}) == Bytes{7, 0, 0, 6, 6, 6});
        CHECK(indices(1, 3, 2, {0, 0, 3, 7, 0, 0, 3, 6}) == Bytes{7, 7, 7, 6, 6, 6});
    }
    SUBCASE("a movement leaves index 0 behind") {
        CHECK(indices(1, 3, 3, {1, 7, 0, 2, 1, 1, 1, 8, 0, 0, 3, 9}) == Bytes{7, 0, 0, 0, 0, 8, 9, 9, 9});
        CHECK(indices(1, 3, 3, {0, 2, 0, 255}) == Bytes(9, 0));
    }
    SUBCASE("pixels one by one go over the end of a row") {
        CHECK(indices(1, 3, 2, {0, 4, 1, 2, 3, 4, 0, 0}) == Bytes{1, 2, 3, 4, 0, 0});
    }
    SUBCASE("black and white, and gray levels") {
        const Bytes black_and_white = {0, 0, 0, 0, 255, 255, 255, 0};
        CHECK(pixels_of({.width = 3,
                         .bits = 1,
                         .compression = 1,
                         .palette = black_and_white,
                         .pixels = {1, 0, 1, 1, 1, 9}}) == Bytes{0, 0, 0, 255, 255, 255, 255, 255, 255});
        CHECK(
            pixels_of(
                {.width = 4, .bits = 4, .compression = 2, .palette = gray_levels(16), .pixels = {4, 0x83}}) ==
            Bytes{8, 8, 8, 3, 3, 3, 8, 8, 8, 3, 3, 3});
    }
}

TEST_CASE("run lengths that end before their image are refused, and cost no memory") {
    const auto refused = [](int32_t width, int32_t height, const Bytes& runs) {
        rusage before{}, after{};
        getrusage(RUSAGE_SELF, &before);
        const std::string error = error_of_bmp({.width = width,
                                                .height = height,
                                                .bits = 8,
                                                .compression = 1,
                                                .palette = colours(255),
                                                .pixels = runs});
        getrusage(RUSAGE_SELF, &after);
        CHECK(error == "file: the BMP file is truncated: its run lengths end before its pixels");
        CHECK(after.ru_maxrss - before.ru_maxrss < 50'000);  // KiB
    };
    refused(3, 2, {3, 7, 0, 0, 2, 6, 0, 1});
    refused(3, 2, {3, 7, 0});
    refused(3, 1, {0, 3, 7});
    refused(3, 1, {0, 2, 3});
    refused(3, 1, {});
    refused(4'000, 4'000, {0, 2, 0, 255, 0, 2, 0, 255, 0, 1});
    // Beyond 2^24 pixels there must be some bytes for them.
    const Bmp huge{.width = 16'000,
                   .height = 16'000,
                   .bits = 8,
                   .compression = 1,
                   .palette = colours(255),
                   .pixels = Bytes(40, 2)};
    CHECK(contains(error_of_bmp(huge), "the file is truncated: its header says 16000x16000 pixels"));
}

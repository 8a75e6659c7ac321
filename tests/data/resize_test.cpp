// Resizing against Pillow's and torchvision's results.

#include "data/resize.h"

#include <doctest/doctest.h>

#include <cstdio>

#include "tests/data/support.h"

using namespace vitrine;
using namespace vitrine::test;

TEST_CASE("resizing gives Pillow's pixels: up, down, odd sizes, one side only, rows first") {
    int compared = 0;
    for (const auto& entry : std::filesystem::directory_iterator(golden_images())) {
        const std::string name = entry.path().filename().string();
        char shape[8];
        long height = 0, width = 0;
        if (std::sscanf(name.c_str(), "resize_%7[a-z]_to_%ldx%ld.ppm", shape, &height, &width) != 3) continue;
        CAPTURE(name);
        const Image source = read_golden(golden_images() / ("resize_" + std::string(shape) + ".ppm"));
        const Image result = resize(source, height, width);
        const Image expected = read_golden(entry.path());
        CHECK(result.height == expected.height);
        CHECK(result.width == expected.width);
        CHECK(result.pixels == expected.pixels);
        ++compared;
    }
    CHECK(compared == 16);
}

TEST_CASE("shorter side and centre crop give torchvision's pixels") {
    int compared = 0;
    for (const char* shape : {"wide", "tall"}) {
        const Image source = read_golden(golden_images() / ("resize_" + std::string(shape) + ".ppm"));
        for (const int64_t size : {5, 12, 34}) {
            CAPTURE(shape);
            CAPTURE(size);
            const std::string name =
                "resize_" + std::string(shape) + "_square_" + std::to_string(size) + ".ppm";
            const Image result = resize_and_crop(source, size);
            CHECK(result.height == size);
            CHECK(result.width == size);
            CHECK(result.pixels == read_golden(golden_images() / name).pixels);
            ++compared;
        }
    }
    CHECK(compared == 6);
}

TEST_CASE("an image that has the size already is unchanged") {
    const Image source = read_golden(golden_images() / "resize_wide.ppm");
    CHECK(resize(source, source.height, source.width).pixels == source.pixels);
    const Image square = resize(source, 9, 9);
    CHECK(resize_and_crop(square, 9).pixels == square.pixels);
}

TEST_CASE("the longer side is truncated as int(size * long / short)") {
    const Image source{3, 10, Bytes(90, 55)};
    const Image result = resize_shorter_side(source, 5);
    CHECK(result.height == 5);
    CHECK(result.width == 16);  // 16.67
    const Image upright{10, 3, Bytes(90, 55)};
    CHECK(resize_shorter_side(upright, 5).height == 16);
}

TEST_CASE("a very long image costs only what the crop keeps") {
    const Image source{1, 60'000, Bytes(180'000, 99)};  // resized whole it would have 3.84 million columns
    const Image result = resize_and_crop(source, 64);
    CHECK(result.pixels == Bytes(64 * 64 * 3, 99));
}

TEST_CASE("no target size below one") {
    const Image source{2, 2, Bytes(12, 1)};
    CHECK_THROWS_AS(resize(source, 0, 5), std::logic_error);
    CHECK_THROWS_AS(resize_and_crop(source, 0), std::logic_error);
}

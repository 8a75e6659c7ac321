// Images kept as squares, in their proportions or as they are: torchvision's pixels.

#include "data/keeping.h"

#include <doctest/doctest.h>

#include "data/resize.h"
#include "tests/data/support.h"

using namespace vitrine;
using namespace vitrine::test;

TEST_CASE("an image kept in its proportions has torchvision's pixels, smaller and larger") {
    for (const std::string shape : {"wide", "tall"}) {
        const Image source = read_golden(golden_images() / ("resize_" + shape + ".ppm"));
        for (const int64_t side : {5, 12, 34}) {
            CAPTURE(shape);
            CAPTURE(side);
            const std::string name = "resize_" + shape + "_aspect_" + std::to_string(side) + ".ppm";
            const Image expected = read_golden(golden_images() / name);
            const Image kept = keep(source, {ImageShape::aspect, side}, "");
            CHECK(kept.height == expected.height);
            CHECK(kept.width == expected.width);
            CHECK(kept.pixels == expected.pixels);
            const Image limited = keep(source, {ImageShape::original, side}, "");
            CHECK(limited.pixels == (side == 34 ? source.pixels : expected.pixels));
            CHECK(keep(source, {ImageShape::square, side}, "").pixels ==
                  resize_and_crop(source, side).pixels);
        }
        CHECK(keep(source, {ImageShape::original, 0}, "").pixels == source.pixels);
    }
}

TEST_CASE("the size of a kept image is known before its pixels") {
    CHECK(kept_size({640, 480}, {ImageShape::square, 64}) == ImageSize{64, 64});
    CHECK(kept_size({640, 480}, {ImageShape::aspect, 64}) == ImageSize{85, 64});  // 85.33
    CHECK(kept_size({480, 640}, {ImageShape::aspect, 64}) == ImageSize{64, 85});
    CHECK(kept_size({48, 48}, {ImageShape::aspect, 64}) == ImageSize{64, 64});
    CHECK(kept_size({50, 48}, {ImageShape::original, 0}) == ImageSize{50, 48});
    CHECK(kept_size({50, 48}, {ImageShape::original, 48}) == ImageSize{50, 48});
    CHECK(kept_size({640, 480}, {ImageShape::original, 240}) == ImageSize{320, 240});
}

TEST_CASE("an image that would grow past what is ever read is refused, and others as large are not") {
    const Image line{1, 60'000, Bytes(180'000, 1)};
    CHECK(error_of([&] {
              keep(line, {ImageShape::aspect, 100}, "line.png");
          }) == "line.png: 60000 x 1 pixels would become 6000000 x 100; at most 268435456 pixels are kept");
    CHECK(keep(line, {ImageShape::aspect, 2}, "").width == 120'000);
    CHECK(keep(line, {ImageShape::square, 100}, "").width == 100);
    CHECK(keep(line, {ImageShape::original, 100}, "").width == 60'000);
}

TEST_CASE("a kept image holds no share of the memory that is being decoded in") {
    const Image source{2, 2, Bytes(12, 1), 6, std::make_shared<int>(1)};
    for (const Keeping& keeping :
         {Keeping{ImageShape::square, 2}, {ImageShape::aspect, 3}, {ImageShape::original, 0}})
        CHECK(keep(source, keeping, "").memory == nullptr);
}

TEST_CASE("shapes have names") {
    for (const ImageShape shape : {ImageShape::square, ImageShape::aspect, ImageShape::original})
        CHECK(image_shape_of(name_of(shape)) == shape);
    CHECK(image_shape_of("aspect") == ImageShape::aspect);
    CHECK(!image_shape_of("Square"));
    CHECK(!image_shape_of(""));
}

// The augmentation preview: a sheet with the pixels that the network gets, and text that fits.

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "tools/preview/canvas.h"
#include "tools/preview/contact_sheet.h"

namespace vitrine {
namespace {

using tools::Font;

/// One image a class, of one colour: red 40·class.
ImageSet flat_images(int64_t classes, int64_t side) {
    const auto pixels = std::make_shared<std::vector<uint8_t>>();
    ImageSet set{.count = classes, .height = side, .width = side, .labels = {}, .rows = {}, .pixels = {}};
    for (int64_t i = 0; i < classes; ++i) {
        for (int64_t p = 0; p < side * side; ++p)
            pixels->insert(pixels->end(), {static_cast<uint8_t>(40 * i), 99, 3});
        set.labels.push_back(static_cast<int32_t>(i));
        set.rows.push_back(i);
    }
    set.pixels = {pixels, pixels->data(), classes};
    return set;
}

Dataset small_set(bool with_validation) {
    Dataset dataset;
    dataset.train = flat_images(6, 16);
    if (with_validation) dataset.validation = flat_images(6, 16);
    dataset.class_names = {"ant", "bee", "cat", "dog", "eel", "fox"};
    return dataset;
}

Image sheet(const Dataset& dataset, const std::string& recipe, int images, int epochs) {
    const std::vector<uint8_t> png =
        tools::preview_sheet(dataset, parse_transforms("[transforms]\n" + recipe, "test"), images, epochs, 1);
    return decode_image(png, "sheet.png");
}

int64_t count_color(const Image& image, const tools::Color& color) {
    int64_t count = 0;
    for (size_t i = 0; i < image.pixels.size(); i += 3)
        count += std::equal(color.begin(), color.end(), image.pixels.begin() + static_cast<ptrdiff_t>(i));
    return count;
}

TEST_CASE("a preview shows each chosen image, and what the network gets of it") {
    const std::string recipe = "normalize = { mean = [0.4, 0.5, 0.6], std = [0.2, 0.3, 0.4] }";
    const Image with = sheet(small_set(true), recipe, 3, 2), without = sheet(small_set(false), recipe, 3, 2);
    // Cells of 128 pixels: the original and two epochs; two more for validation. Classes 0, 2 and 4.
    for (const int red : {0, 80, 160}) {
        const tools::Color color{static_cast<uint8_t>(red), 99, 3};
        CHECK(count_color(without, color) == 3 * 128 * 128);
        CHECK(count_color(with, color) == 5 * 128 * 128);
    }
    CHECK(count_color(with, {40, 99, 3}) == 0);
    CHECK(with.width > without.width);
    // A class without a validation image leaves its place empty.
    Dataset partly = small_set(true);
    partly.validation = partly.validation.select({0, 4});
    const Image gaps = sheet(partly, recipe, 3, 2);
    CHECK(gaps.width == with.width);
    CHECK(count_color(gaps, {80, 99, 3}) == 3 * 128 * 128);
    CHECK(count_color(gaps, {160, 99, 3}) == 5 * 128 * 128);
}

TEST_CASE("a preview's cells are augmented as the seed's epochs are, and the same each time") {
    const std::string recipe =
        "augment = [ { op = \"random_grayscale\", p = 1 }, { op = \"random_crop\", size = 12 } ]";
    const Image image = sheet(small_set(false), recipe, 1, 3);
    // Gray of (0, 99, 3): (38470 · 99 + 7471 · 3 + 32768) >> 16. Twelve pixels a side become 120.
    CHECK(count_color(image, {58, 58, 58}) >= 3 * 120 * 120);
    CHECK(sheet(small_set(false), recipe, 1, 3).pixels == image.pixels);
    // More images than classes: the second round finds none here, so there are six rows, not seven.
    CHECK(sheet(small_set(false), recipe, 7, 1).height == sheet(small_set(false), recipe, 6, 1).height);
}

TEST_CASE("a preview names the shares of mixed images, and has room for long names of classes") {
    CHECK(tools::mixture_text(0.12, "T-shirt", "Bag") == "12% T-shirt, 88% Bag");
    CHECK(tools::mixture_text(0.5, "T-shirt", "Bag") == "50% T-shirt, 50% Bag");
    CHECK(tools::mixture_text(0.003, "T-shirt", "Bag") == "<1% T-shirt, >99% Bag");
    CHECK(tools::mixture_text(0.999, "T-shirt", "Bag") == ">99% T-shirt, <1% Bag");
    CHECK(tools::mixture_text(0.0, "T-shirt", "Bag") == "0% T-shirt, 100% Bag");
    CHECK(tools::mixture_text(0.3, "Bag", "Bag") == "100% Bag");
    CHECK(tools::mixture_text(0.3, std::string(500, 'n'), "Bag").size() < 80);

    const std::string normal = "normalize = { mean = [0.4, 0.5, 0.6], std = [0.2, 0.3, 0.4] }\n";
    Dataset dataset = small_set(false);
    const Image plain = sheet(dataset, normal, 3, 2);
    for (const char* mix : {"mixup", "cutmix"}) {
        const std::string recipe = fmt::format("{}batch = {{ {} = 1.0 }}", normal, mix);
        const Image mixed = sheet(dataset, recipe, 3, 2);
        CHECK(mixed.width == plain.width);
        CHECK(count_color(mixed, {80, 99, 3}) >= 128 * 128);  // originals are not mixed
        CHECK(mixed.pixels != plain.pixels);
        CHECK(mixed.height >= plain.height);
    }
    dataset.class_names[2] = "a name of a class that takes more than one line of its cell";
    const std::string recipe = normal + "batch = { mixup = 1.0 }";
    const int64_t more = sheet(dataset, recipe, 3, 2).height - sheet(small_set(false), recipe, 3, 2).height;
    CHECK(more > 2 * 14);  // in its own row, and in the next
}

TEST_CASE("text is wrapped to its width, at spaces where there are any, and keeps every character") {
    const Font font(14);
    const std::string text = "flip horizontal, rotate −12.3°, posterize 4";
    const std::vector<std::string> lines = font.wrap(text, 128);
    CHECK(lines.size() >= 2);
    std::string joined;
    for (const std::string& line : lines) {
        CHECK(font.width(line) <= 128);
        joined += (joined.empty() ? "" : " ") + line;
    }
    CHECK(joined == text);
    const std::vector<std::string> parts = font.wrap(std::string(60, 'm'), 100);
    CHECK(parts.size() > 5);
    CHECK(font.wrap("", 100).empty());

    Image canvas = tools::make_canvas(20, 60, {255, 255, 255});
    font.draw(canvas, "Ag", 2, 2, {0, 0, 0});
    const std::set<uint8_t> shades(canvas.pixels.begin(), canvas.pixels.end());
    CHECK(shades.size() > 5);  // smooth edges
    font.draw(canvas, "beyond every edge", -20, -5, {0, 0, 0});
    font.draw(canvas, "beyond every edge", 40, 15, {0, 0, 0});
}

}  // namespace
}  // namespace vitrine

// Every op of augmentation against what torchvision makes of PIL images (tests/golden/augment.json), byte for
// byte: the reference device and the cpu device.

#include <doctest/doctest.h>
#include <zlib.h>

#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>

#include "data/transforms/geometry.h"
#include "kernels/cpu/augment_image.h"
#include "kernels/reference/augment_step.h"

namespace vitrine {
namespace {

using augment::OpCode;
using Json = nlohmann::json;
using reference::AugmentImage;

/// The formula of make_augment.py.
AugmentImage picture(int kind, int64_t height, int64_t width, uint32_t seed) {
    AugmentImage image{height, width, {}};
    uint32_t value = seed;
    for (int64_t y = 0; y < height; ++y)
        for (int64_t x = 0; x < width; ++x)
            for (int64_t c = 0; c < 3; ++c) {
                value = value * 1664525 + 1013904223;
                const uint32_t noise = value >> 24;
                const auto wave = static_cast<uint32_t>(40 + (x * (1 + seed % 3) + y * (c + 1)) % 120);
                image.pixels.push_back(static_cast<uint8_t>(kind == 0   ? noise
                                                            : kind == 1 ? seed % 256
                                                                        : wave + noise % 16));
            }
    return image;
}

/// The steps of a case, as the transforms would draw them.
Program program_of(const Json& golden, const AugmentImage& image) {
    Program program{.width = image.width, .height = image.height};
    const std::string op = golden["op"];
    const std::vector<double> a = golden["arguments"];
    const auto whole = [&](size_t i) { return static_cast<int32_t>(a[i]); };
    const std::map<std::string, OpCode> by_factor{{"brightness", OpCode::brightness},
                                                  {"contrast", OpCode::contrast},
                                                  {"saturation", OpCode::saturation},
                                                  {"sharpness", OpCode::sharpness},
                                                  {"solarize", OpCode::solarize}};
    const std::map<std::string, OpCode> plain{{"grayscale", OpCode::grayscale},
                                              {"invert", OpCode::invert},
                                              {"autocontrast", OpCode::autocontrast},
                                              {"equalize", OpCode::equalize},
                                              {"flip_horizontal", OpCode::flip_horizontal},
                                              {"flip_vertical", OpCode::flip_vertical}};
    AffineParameters affine;
    if (by_factor.contains(op)) {
        program.add(by_factor.at(op)).reals[0] = a[0];
    } else if (plain.contains(op)) {
        program.add(plain.at(op));
    } else if (op == "hue") {
        program.add(OpCode::hue).integers[0] = static_cast<uint8_t>(static_cast<int>(a[0] * 255));
    } else if (op == "posterize") {
        program.add(OpCode::posterize).integers[0] = whole(0);
    } else if (op == "rotate") {
        add_rotation(program, a[0],
                     {static_cast<uint8_t>(a[1]), static_cast<uint8_t>(a[2]), static_cast<uint8_t>(a[3])});
    } else if (op == "shear_x" || op == "shear_y") {
        (op == "shear_x" ? affine.shear_x : affine.shear_y) = a[0];
        affine.around_corner = true;
        add_affine(program, affine, {});
    } else if (op == "translate" || op == "affine" || op == "zoom") {
        const size_t first = op == "affine" ? 1 : 0;
        if (op == "affine") affine = {.angle = a[0], .scale = a[3], .shear_x = a[4], .shear_y = a[5]};
        if (op == "zoom") affine.scale = a[0];
        if (op != "zoom") affine.translate_x = a[first];
        if (op != "zoom") affine.translate_y = a[first + 1];
        add_affine(program, affine, {});
    } else {
        const bool resized = op == "resized_crop";
        REQUIRE((resized || op == "crop"));
        const size_t size = resized ? 4 : 2;
        augment::Step& step =
            program.add(resized ? OpCode::resize : OpCode::offset, whole(size), whole(size + 1));
        for (size_t i = 0; i < size; ++i) step.integers[i] = whole(i);
    }
    return program;
}

uint32_t checksum(const std::vector<uint8_t>& pixels) {
    return static_cast<uint32_t>(crc32(0, pixels.data(), static_cast<uInt>(pixels.size())));
}

TEST_CASE("every op makes of an image what torchvision makes of it, byte for byte") {
    std::ifstream file(VITRINE_SOURCE_DIR "/tests/golden/augment.json");
    const Json document = Json::parse(file);
    const Json& cases = document["cases"];
    REQUIRE(cases.size() > 200);
    for (const Json& golden : cases) {
        CAPTURE(golden.dump());
        const AugmentImage source =
            picture(golden["kind"], golden["height"], golden["width"], golden["seed"]);
        const Program program = program_of(golden, source);
        AugmentImage expected = source;
        for (const augment::Step& step : program.steps) expected = reference::apply(step, expected);
        CHECK(checksum(expected.pixels) == golden["crc32"].get<uint32_t>());

        constexpr int64_t area = 256 * 256 * 3;
        std::vector<uint8_t> scratch(2 * area);
        cpu::AugmentImage image(source.pixels.data(), source.height, source.width, scratch.data(), area);
        for (const augment::Step& step : program.steps) image.apply(step);
        std::vector<uint8_t> pixels(static_cast<size_t>(image.height() * image.width() * 3));
        image.finish(pixels.data());
        CHECK(checksum(pixels) == golden["crc32"].get<uint32_t>());
    }
}

}  // namespace
}  // namespace vitrine

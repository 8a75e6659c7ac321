// Every op of augmentation against what torchvision makes of PIL images (tests/golden/augment.json), byte for
// byte: the reference device and the cpu device.

#include <doctest/doctest.h>
#include <zlib.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "kernels/cpu/augment_image.h"
#include "kernels/reference/augment_step.h"
#include "tests/data/named_step.h"

namespace vitrine {
namespace {

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
        Program program{.width = source.width, .height = source.height};
        test::add_named_step(program, golden["op"], golden["arguments"]);
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

// Every op of augmentation against what torchvision makes of PIL images (tests/golden/augment.json), byte for
// byte, on every device and by every implementation.

#include <doctest/doctest.h>
#include <zlib.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "tests/folders.h"
#include "tests/golden_devices.h"
#include "tests/transforms/augment_on_device.h"
#include "tests/transforms/named_step.h"

namespace vitrine {
namespace {

using Json = nlohmann::json;

/// The formula of make_augment.py.
std::vector<uint8_t> picture(int kind, Size2 size, uint32_t seed) {
    std::vector<uint8_t> pixels;
    uint32_t value = seed;
    for (int64_t y = 0; y < size.height; ++y)
        for (int64_t x = 0; x < size.width; ++x)
            for (int64_t c = 0; c < 3; ++c) {
                value = value * 1664525 + 1013904223;
                const uint32_t noise = value >> 24;
                const auto wave = static_cast<uint32_t>(40 + (x * (1 + seed % 3) + y * (c + 1)) % 120);
                pixels.push_back(static_cast<uint8_t>(kind == 0   ? noise
                                                      : kind == 1 ? seed % 256
                                                                  : wave + noise % 16));
            }
    return pixels;
}

uint32_t checksum(const std::vector<uint8_t>& pixels) {
    return static_cast<uint32_t>(crc32(0, pixels.data(), static_cast<uInt>(pixels.size())));
}

TEST_CASE("every op makes of an image what torchvision makes of it, byte for byte") {
    std::ifstream file(tests::repository() / "tests/golden/augment.json");
    const Json document = Json::parse(file);
    const Json& cases = document["cases"];
    REQUIRE(cases.size() > 200);
    for (const Json& golden : cases) {
        CAPTURE(golden.dump());
        const Size2 size{golden["height"], golden["width"]};
        const std::vector<uint8_t> source = picture(golden["kind"], size, golden["seed"]);
        Program program{.width = size.width, .height = size.height};
        test::add_named_step(program, golden["op"], golden["arguments"]);
        test::AugmentBatch batch(size);
        batch.add(program);
        for (const Device device : tests::golden_devices({Device::reference, Device::cpu, Device::simt})) {
            CAPTURE(std::string(name_of(device)));
            test::with_each_implementation(device, [&](const std::string& implementation) {
                CAPTURE(implementation);
                CHECK(checksum(batch.run(device, source)) == golden["crc32"].get<uint32_t>());
            });
        }
    }
}

}  // namespace
}  // namespace vitrine

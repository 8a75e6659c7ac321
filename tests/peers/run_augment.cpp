// Runs named steps on images for compare_augment.py, on one device.
//
// The standard input has a line of JSON for each image, {"width", "height", "steps": [[name, [arguments]],
// …]}, and then its pixels; the standard output has a line "width height" and then the result's.

#include <fmt/format.h>

#include <cstdio>
#include <iostream>
#include <nlohmann/json.hpp>

#include "engine/ops/ops.h"
#include "tests/transforms/named_step.h"

namespace vitrine {
namespace {

std::vector<uint8_t> augmented(Device device, Size2 in, const Program& program,
                               const std::vector<uint8_t>& image) {
    AugmentBatch batch;
    batch.add(place_among_equals(0, in.height, in.width), program.steps);
    batch.out = {program.height, program.width};
    const Tensor images = Tensor::from_host(image, {1, in.height, in.width, 3}, {DType::u8, device});
    return ops::augment_images(images, batch).to_host<uint8_t>();
}

void answer(const nlohmann::json& request, Device device) {
    Program program{.width = request["width"], .height = request["height"]};
    const Size2 in{program.height, program.width};
    std::vector<uint8_t> image(static_cast<size_t>(in.height * in.width * 3));
    std::cin.read(reinterpret_cast<char*>(image.data()), static_cast<std::streamsize>(image.size()));
    for (const auto& step : request["steps"]) test::add_named_step(program, step[0], step[1]);
    const std::vector<uint8_t> result = augmented(device, in, program, image);
    std::cout << fmt::format("{} {}\n", program.width, program.height);
    std::cout.write(reinterpret_cast<const char*>(result.data()),
                    static_cast<std::streamsize>(result.size()));
    std::cout.flush();
}

}  // namespace
}  // namespace vitrine

int main(int argc, char** argv) {
    try {
        const vitrine::Device device = vitrine::device_from_name(argc > 1 ? argv[1] : "cpu");
        for (std::string line; std::getline(std::cin, line);)
            vitrine::answer(nlohmann::json::parse(line), device);
    } catch (const std::exception& error) {
        std::fprintf(stderr, "%s\n", error.what());
        return 1;
    }
    return 0;
}

// Runs named steps on images for compare_augment.py, on one device.
//
// The standard input has a line of JSON for each image, {"width", "height", "steps": [[name, [arguments]],
// …]}, and then its pixels; the standard output has a line "width height" and then the result's.

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <iostream>
#include <nlohmann/json.hpp>

#include "kernels/augment_images.h"
#include "kernels/runtime.h"
#include "tests/data/named_step.h"

namespace vitrine {
namespace {

struct Target {
    Device device;
    const Kernel<AugmentImages>& kernel;
};

Target target_named(const std::string& name) {
    if (name == "reference") return {Device::reference, reference::augment_images};
    if (name == "simt") return {Device::simt, simt::augment_images};
    return {Device::cpu, cpu::augment_images};
}

std::vector<uint8_t> augmented(const Target& target, Size2 in, const Program& program,
                               const std::vector<uint8_t>& image) {
    Size2 largest = in;
    for (const augment::Step& step : program.steps) {
        largest.height = std::max<int64_t>(largest.height, step.out_height);
        largest.width = std::max<int64_t>(largest.width, step.out_width);
    }
    const std::vector<int64_t> begins{0, static_cast<int64_t>(program.steps.size())};
    std::vector<uint8_t> result(static_cast<size_t>(program.width * program.height * 3));
    const Runtime& on = runtime(target.device);
    auto* images = static_cast<uint8_t*>(on.allocate(image.size()));
    auto* y = static_cast<uint8_t*>(on.allocate(result.size()));
    on.copy_from_host(images, image.data(), image.size());
    target.kernel({.batch = 1,
                   .in = in,
                   .out = {program.height, program.width},
                   .largest = largest,
                   .images = images,
                   .samples = {},
                   .steps = program.steps,
                   .begins = begins,
                   .y = y},
                  context(target.device));
    on.copy_to_host(result.data(), y, result.size());
    on.release(images);
    on.release(y);
    return result;
}

void answer(const nlohmann::json& request, const Target& target) {
    Program program{.width = request["width"], .height = request["height"]};
    const Size2 in{program.height, program.width};
    std::vector<uint8_t> image(static_cast<size_t>(in.height * in.width * 3));
    std::cin.read(reinterpret_cast<char*>(image.data()), static_cast<std::streamsize>(image.size()));
    for (const auto& step : request["steps"]) test::add_named_step(program, step[0], step[1]);
    const std::vector<uint8_t> result = augmented(target, in, program, image);
    std::cout << fmt::format("{} {}\n", program.width, program.height);
    std::cout.write(reinterpret_cast<const char*>(result.data()),
                    static_cast<std::streamsize>(result.size()));
    std::cout.flush();
}

}  // namespace
}  // namespace vitrine

int main(int argc, char** argv) {
    const vitrine::Target target = vitrine::target_named(argc > 1 ? argv[1] : "cpu");
    try {
        for (std::string line; std::getline(std::cin, line);)
            vitrine::answer(nlohmann::json::parse(line), target);
    } catch (const std::exception& error) {
        std::fprintf(stderr, "%s\n", error.what());
        return 1;
    }
    return 0;
}

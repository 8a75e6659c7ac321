// Training on the simt device: the CUDA kernels, run thread by thread on the host, follow the cpu device.

#include <doctest/doctest.h>

#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "engine/memory.h"
#include "engine/random.h"
#include "engine/step/step.h"
#include "kernels/context.h"
#include "kernels/simt/launch.h"
#include "models/models.h"
#include "tests/tools/program.h"
#include "tools/common/host_batch.h"

namespace vitrine::tools {
namespace {

struct Course {
    const char* model;
    int64_t image_size;
    int64_t batch_size;
    uint32_t steps;
    double learning_rate;
    DType dtype = DType::f32;
    double tolerance = 1e-5;  // relative
};

/// Images in which the class shows: noise, brighter where the label says.
struct Batch {
    std::vector<uint8_t> images;
    std::vector<int32_t> labels;

    NetworkInput input(const Course& course, Placement placement) const {
        constexpr ChannelNormalization centred{{0.5, 0.5, 0.5}, {0.5, 0.5, 0.5}};
        return upload({images, labels, course.image_size}, centred, placement);
    }

    Batch(const Course& course, uint32_t step) {
        const int64_t pixels = course.image_size * course.image_size * 3;
        for (int64_t n = 0; n < course.batch_size; ++n) {
            const auto label = static_cast<int32_t>((n + step) % 10);
            labels.push_back(label);
            const RandomKey key{.seed = 11, .epoch = step, .sample = static_cast<uint32_t>(n)};
            for (int64_t i = 0; i < pixels; ++i) {
                const bool bright = i * 10 / pixels == label;
                images.push_back(static_cast<uint8_t>(random_below(key, static_cast<uint64_t>(i), 156) +
                                                      (bright ? 100 : 0)));
            }
        }
    }
};

std::vector<double> losses(const Course& course, Device device) {
    const Placement placement{course.dtype, device};
    const auto model = models::make_model(course.model, {.image_size = course.image_size}, placement, 5);
    TrainingStep step(*model, {.momentum = 0.9, .weight_decay = 1e-4}, 0.1);
    std::vector<double> all;
    for (uint32_t i = 0; i < course.steps; ++i) {
        const Batch batch(course, i);
        step.accumulate(batch.input(course, placement), 0, i);
        step.update({.learning_rate = course.learning_rate});
        all.push_back(step.read().batches.front().loss);
    }
    return all;
}

// MobileNetV2 at its first steps is chaotic in f32: with a learning rate of 0.02 the cpu device's second loss
// is 4e-4 to 5e-3 away from its own in f64, whichever the images (a ReLU6 that switches moves a gradient by a
// percent), and at 1e-5 it is still up to 2e-5 away. In f64 the devices stay together to 1e-13 at 0.02, which
// is what is asked; in f32 they are compared at a rate that does not blow rounding up.
TEST_CASE("the CUDA kernels train as the cpu device does") {
    simt::Settings unchecked;
    unchecked.check = false;
    const simt::Settings before = simt::settings();
    simt::set_settings(unchecked);
    // Under the sanitizers a step takes minutes: two of the smaller model must do.
#ifdef __SANITIZE_ADDRESS__
    const std::vector<Course> courses{{"basic_block_net", 16, 4, 2, 0.02}};
#else
    const std::vector<Course> courses{{"basic_block_net", 32, 8, 20, 0.02},
                                      {"mobilenet_v2", 64, 8, 3, 0.02, DType::f64, 1e-10},
                                      {"mobilenet_v2", 64, 8, 3, 1e-6}};
#endif
    for (const Course& course : courses) {
        CAPTURE(std::string(course.model));
        CAPTURE(name_of(course.dtype));
        const std::vector<double> expected = losses(course, Device::cpu);
        const std::vector<double> actual = losses(course, Device::simt);
        for (size_t i = 0; i < expected.size(); ++i) {
            CAPTURE(i);
            CAPTURE(expected[i]);
            CAPTURE(actual[i]);
            CHECK(std::abs(actual[i] - expected[i]) <= course.tolerance * std::abs(expected[i]));
        }
        CHECK(expected.back() != expected.front());
    }
    simt::set_settings(before);
}

TEST_CASE("training on the simt device asks for no memory after the second step") {
    const Course course{"basic_block_net", 16, 2, 1, 0.01};
    const Placement placement{DType::f32, Device::simt};
    const auto model = models::make_model(course.model, {.image_size = course.image_size}, placement, 5);
    TrainingStep step(*model, {.momentum = 0.9}, 0.0);
    const Batch batch(course, 0);
    const auto train = [&](uint32_t i) {
        step.accumulate(batch.input(course, placement), 0, i);
        step.update({.learning_rate = course.learning_rate});
        step.read();
    };
    train(0);
    train(1);
    const size_t requests = memory_statistics(Device::simt).device_requests;
    const size_t scratch = context(Device::simt).scratch.bytes_held();
    for (uint32_t i = 2; i < 4; ++i) train(i);
    CHECK(memory_statistics(Device::simt).device_requests == requests);
    CHECK(context(Device::simt).scratch.bytes_held() == scratch);
}

}  // namespace
}  // namespace vitrine::tools

namespace vitrine::tests {
namespace {

TEST_CASE("train --device simt: the program trains on CUDA kernels, watched if asked") {
    const TemporaryFolder folder;
    write_colours(folder.path() / "data");
    for (const bool watched : {false, true}) {
        std::vector<std::string> arguments{
            "--data", folder / "data", "--image-size", "16",    "--batch-size", "10", "--max-steps",
            "2",      "--device",      "simt",         "--out", folder / "run"};
        if (watched) arguments.insert(arguments.end(), {"--check-kernels", "--overwrite"});
        const Outcome outcome = run("train", arguments);
        CAPTURE(outcome.err);
        CHECK(outcome.code == 0);
        CHECK(outcome.out.find("device") != std::string::npos);
    }
}

TEST_CASE("train --device simt: a stop measures one batch of the validation images, and says so") {
    const TemporaryFolder folder;
    write_colours(folder.path() / "data");
    const auto train = [&](const std::string& device) {
        return run("train", {"--data", folder / "data", "--image-size", "16", "--batch-size", "10",
                             "--max-steps", "1", "--device", device, "--out", folder / device});
    };
    const Outcome simt = train("simt");
    CAPTURE(simt.out);
    CHECK(simt.code == 0);
    CHECK(simt.out.find("on 10 of 36 images") != std::string::npos);
    CHECK(simt.err.find("these are the scores of 10 of the 36 validation images") != std::string::npos);
    const Outcome cpu = train("cpu");
    CHECK(cpu.out.find("on 36 images") != std::string::npos);
    // What is measured at an epoch's end is of all of them.
    const Outcome whole =
        run("train", {"--data", folder / "data", "--image-size", "16", "--batch-size", "60", "--max-steps",
                      "2", "--device", "simt", "--json", "--out", folder / "whole"});
    CHECK(whole.code == 0);
    const auto line = nlohmann::json::parse(content_of(folder / "whole/metrics.jsonl"));
    const double images = 36.0 * line["val_accuracy"].get<double>();
    CHECK(std::abs(images - std::round(images)) < 1e-9);
}

TEST_CASE(
    "train --graph: the same files to the bit; where there are no graphs the run says why and goes on") {
    const TemporaryFolder folder;
    write_colours(folder.path() / "data");
    const auto train = [&](const std::string& device, const std::string& out, bool graph) {
        std::vector<std::string> arguments{
            "--data", folder / "data", "--image-size", "16",    "--batch-size", "10", "--max-steps",
            "6",      "--device",      device,         "--out", folder / out};
        if (graph) arguments.push_back("--graph");
        return run("train", arguments);
    };
    CHECK(train("simt", "plain", false).code == 0);
    const Outcome graphs = train("simt", "graphs", true);
    CAPTURE(graphs.err);
    CHECK(graphs.code == 0);
    CHECK(graphs.err.find("training.graph") == std::string::npos);
    for (const std::string file : {"last.safetensors", "steps.jsonl"})
        CHECK(content_of(folder / ("graphs/" + file)) == content_of(folder / ("plain/" + file)));
    const Outcome cpu = train("cpu", "cpu", true);
    CHECK(cpu.code == 0);
    CHECK(
        cpu.err.find("steps are not recorded as graphs (training.graph): kernels are functions that the host "
                     "calls") != std::string::npos);
}

}  // namespace
}  // namespace vitrine::tests

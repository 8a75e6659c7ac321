// Training with 16-bit activations: f32 weights and what is multiplied of them, and the scale of the loss.

#include <doctest/doctest.h>

#include <cmath>
#include <memory>
#include <tuple>
#include <vector>

#include "engine/checkpoint.h"
#include "engine/nn/layers.h"
#include "engine/random.h"
#include "engine/step/step.h"
#include "kernels/optim.h"
#include "models/models.h"

using namespace vitrine;

namespace {

/// A model for images of this many pixels a side, and how many of them there are.
struct Case {
    const char* model;
    int64_t size;
    int64_t count;

    std::shared_ptr<nn::Module> make(Placement placement) const {
        return models::make_model(model, {.classes = 4, .image_size = size}, placement, /*seed=*/3);
    }

    /// Images of four classes, each of its own brightness.
    NetworkInput batch(Placement placement) const {
        const RandomKey key{.seed = 9, .purpose = RandomPurpose::test};
        const int64_t values = size * size * 3;
        std::vector<float> images(static_cast<size_t>(count * values));
        std::vector<int32_t> labels(static_cast<size_t>(count));
        for (size_t i = 0; i < labels.size(); ++i) labels[i] = static_cast<int32_t>(i % 4);
        for (size_t i = 0; i < images.size(); ++i) {
            const int32_t label = labels[i / static_cast<size_t>(values)];
            images[i] = static_cast<float>(random_normal(key, i) * 0.3 + label - 1.5);
        }
        return {Tensor::from_host(images, {count, size, size, 3}, placement),
                Tensor::from_host(labels, {count}, {DType::i32, placement.device}),
                {}};
    }
};

constexpr Case basic_block{"basic_block_net", 16, 4};
/// Its last batch norms see a pixel for each 32 of a side: of too few they would make chaos, whatever the type.
constexpr Case mobilenet{"mobilenet_v2", 64, 16};

void check_rounded(const FlatState& state, DType half) {
    const auto count = static_cast<size_t>(state.rounded().count());
    const std::vector<float> values = state.values().to_host<float>(),
                             rounded = state.rounded().to_host<float>();
    REQUIRE(count > 0);
    REQUIRE(rounded.size() == count);
    size_t wrong = 0, moved = 0;
    for (size_t i = 0; i < count; ++i) {
        const float expected =
            half == DType::bf16 ? static_cast<float>(bf16(values[i])) : static_cast<float>(f16(values[i]));
        wrong += rounded[i] != expected;
        moved += rounded[i] != values[i];
    }
    CHECK(wrong == 0);
    CHECK(moved > count / 4);  // else nothing was rounded at all
}

struct Losses {
    std::vector<double> of_steps;

    Losses(const Case& small, Placement placement, int steps, double learning_rate) {
        const auto model = small.make(placement);
        TrainingStep step(*model, {.momentum = 0.9, .weight_decay = 1e-4}, 0.1);
        const NetworkInput input = small.batch(placement);
        for (int i = 0; i < steps; ++i) {
            step.accumulate(input, 1, static_cast<uint32_t>(i));
            step.update({.learning_rate = learning_rate});
            of_steps.push_back(step.read().batches.front().loss);
        }
    }
};

/// The loss's scale begins as large as it can be.
void check_overflows(Device device) {
    CAPTURE(name_of(device));
    const Placement placement{DType::f16, device};
    const auto model = basic_block.make(placement);
    TrainingStep step(*model, {.momentum = 0.9}, 0.0);
    step.scale_loss({LossScale::most, 0});
    const NetworkInput input = basic_block.batch(placement);
    double scale = LossScale::most;
    int left_out = 0;
    for (uint32_t i = 0; i < 24; ++i) {
        const SafeTensors before = model_state(*model);
        step.accumulate(input, 1, i);
        step.update({.learning_rate = 0.01});
        const auto reading = step.read();
        const bool followed = reading.updates.front().followed;
        CHECK(reading.loss_scale.scale == (followed ? scale : scale / 2));
        scale = reading.loss_scale.scale;
        left_out += !followed;
        const SafeTensors after = model_state(*model);
        CHECK((after.tensors.front().bytes == before.tensors.front().bytes) == !followed);
        if (followed) CHECK(std::isfinite(reading.updates.front().norm));
    }
    CHECK(left_out > 0);
    CHECK(left_out < 24);
}

}  // namespace

TEST_CASE(
    "weights stay f32, and what is multiplied is their rounding: after loading, updates and the average's "
    "turn") {
    for (const DType half : {DType::bf16, DType::f16}) {
        const Placement placement{half, Device::cpu};
        const auto model = mobilenet.make(placement);
        TrainingStep step(*model, {.momentum = 0.9}, 0.0);
        step.keep_average(0.9);
        CHECK(step.state().values().dtype() == DType::f32);
        CHECK(step.state().gradients().dtype() == DType::f32);
        CHECK(step.state().rounded().dtype() == half);
        check_rounded(step.state(), half);
        for (uint32_t i = 0; i < 2; ++i) {
            step.accumulate(mobilenet.batch(placement), 1, i);
            step.update({.learning_rate = 0.01});
            check_rounded(step.state(), half);
        }
        step.read();
        step.average()->swap();
        check_rounded(step.state(), half);
        step.average()->swap();
        check_rounded(step.state(), half);
        SafeTensors state = model_state(*model);
        load_model_state(*model, state, "here");
        check_rounded(step.state(), half);
    }
}

TEST_CASE("losses in bf16 and f16 follow those in f32") {
    struct Setting {
        Case small;
        Device device;
        DType half;
        double learning_rate;
        double first, last;  // how far losses of about 1.4 may be apart: twice what they are, and more
    };
    const Setting settings[] = {
        {basic_block, Device::reference, DType::bf16, 0.02, 0.001, 0.002},
        {basic_block, Device::reference, DType::f16, 0.02, 0.0002, 0.0003},
        {basic_block, Device::cpu, DType::bf16, 0.02, 0.001, 0.002},
        {basic_block, Device::cpu, DType::f16, 0.02, 0.0002, 0.0003},
        {basic_block, Device::simt, DType::bf16, 0.02, 0.001, 0.002},
        {basic_block, Device::simt, DType::f16, 0.02, 0.0002, 0.0003},
        {mobilenet, Device::cpu, DType::bf16, 0.002, 0.02, 0.1},
        {mobilenet, Device::cpu, DType::f16, 0.002, 0.005, 0.06},
    };
    constexpr int steps = 6;
    for (const Setting& setting : settings) {
        CAPTURE(setting.small.model);
        CAPTURE(name_of(setting.half));
        const Losses exact(setting.small, {DType::f32, Device::cpu}, steps, setting.learning_rate);
        const Losses rounded(setting.small, {setting.half, setting.device}, steps, setting.learning_rate);
        CHECK(exact.of_steps.back() < 0.97 * exact.of_steps.front());
        CHECK(std::abs(rounded.of_steps.front() - exact.of_steps.front()) < setting.first);
        CHECK(std::abs(rounded.of_steps.back() - exact.of_steps.back()) < setting.last);
        CHECK(rounded.of_steps.back() != exact.of_steps.back());
    }
}

TEST_CASE(
    "f16: gradients that overflow leave the update out and halve the loss's scale, those that do not are "
    "followed") {
    check_overflows(Device::cpu);
    check_overflows(Device::simt);
}

TEST_CASE("f16: the norm that is told and clipped is that of the loss, not of the scaled one") {
    const auto norm = [](DType dtype) {
        const Placement placement{dtype, Device::cpu};
        const auto model = basic_block.make(placement);
        TrainingStep step(*model, {}, 0.0);
        if (dtype == DType::f16) step.scale_loss({1024.0, 0});
        step.accumulate(basic_block.batch(placement), 1, 0);
        step.update({.learning_rate = 0.01, .measure_norm = true});
        return step.read().updates.front().norm;
    };
    CHECK(norm(DType::f16) == doctest::Approx(norm(DType::f32)).epsilon(0.02));
}

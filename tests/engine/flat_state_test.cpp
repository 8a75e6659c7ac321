// The numbers of a model in one piece: parameters stay what they were, at a place of their own.

#include "engine/step/state.h"

#include <doctest/doctest.h>

#include "engine/autograd.h"
#include "engine/checkpoint.h"
#include "engine/nn/layers.h"

using namespace vitrine;

TEST_CASE("a model whose parameters have moved computes and saves the same") {
    const Placement placement{};
    nn::Sequential model;
    model.append<nn::Conv2d>(nn::Conv2dOptions{.in_channels = 3, .out_channels = 8}, placement);
    model.append<nn::BatchNorm2d>(8, placement);
    model.append<nn::Conv2d>(
        nn::Conv2dOptions{.in_channels = 8, .out_channels = 8, .groups = 8, .bias = false}, placement);
    nn::initialise(model, 3);
    const Tensor x = Tensor::zeros({2, 9, 9, 3}, placement);
    const auto output = [&] {
        model.set_training(false);
        return model(x).to_host<float>();
    };
    const std::vector<float> expected = output();
    const SafeTensors before = model_state(model);
    const FlatState state(model.state());
    CHECK(output() == expected);
    const SafeTensors after = model_state(model);
    REQUIRE(after.tensors.size() == before.tensors.size());
    for (size_t i = 0; i < after.tensors.size(); ++i)
        CHECK(after.tensors[i].bytes == before.tensors[i].bytes);

    const auto* first = static_cast<const float*>(state.values().data());
    for (const nn::NamedParameter& named : model.state()) {
        if (named.parameter->role == nn::Role::counter) continue;
        CAPTURE(named.name);
        const int64_t place = static_cast<const float*>(named.value().data()) - first;
        CHECK(place >= 0);
        CHECK(place + named.value().count() <= state.count());
        CHECK(place % FlatState::alignment == 0);
    }
}

TEST_CASE("gradients are collected in one piece, written and added to where they stand") {
    const Placement placement{DType::f32, Device::reference};
    nn::Sequential model;
    model.append<nn::Linear>(nn::LinearOptions::torch_default(3, 2), placement);
    nn::initialise(model, 1);
    const FlatState state(model.state());
    const std::vector<nn::NamedParameter> parameters = model.trainable();
    const auto pass = [&](float value) {
        for (const nn::NamedParameter& named : parameters) {
            const std::vector<float> all(static_cast<size_t>(named.value().count()), value);
            named.value().slot()->contribute(Tensor::from_host(all, named.value().shape(), placement));
        }
    };
    const auto sum = [&] {
        double total = 0;
        for (const float value : state.gradients().to_host<float>()) total += static_cast<double>(value);
        return total;
    };
    CHECK(!parameters.front().value().gradient().defined());
    pass(1.0f);
    CHECK(sum() == 8.0);  // 6 weights, 2 biases, and zeros between
    pass(2.0f);
    CHECK(sum() == 24.0);
    for (const nn::NamedParameter& named : parameters) named.value().slot()->clear();
    CHECK(!parameters.front().value().gradient().defined());
    pass(0.5f);
    CHECK(sum() == 4.0);
}

TEST_CASE("neighbours are one range, and what is left out cuts it") {
    const Placement placement{DType::f32, Device::reference};
    nn::Sequential model;
    for (int i = 0; i < 3; ++i) model.append<nn::Linear>(nn::LinearOptions::torch_default(3, 2), placement);
    const FlatState state(model.state());
    const auto all = [](size_t) { return true; };
    REQUIRE(state.ranges_of(all).size() == 1);
    CHECK(state.ranges_of(all).front() == Range{0, state.trained_count()});
    CHECK(state.trained_count() == 6 * FlatState::alignment);
    const auto matrices = [&](size_t i) { return !state.is_norm_or_bias(i); };
    CHECK(state.ranges_of(matrices) == std::vector<Range>{{0, 3 * FlatState::alignment}});
    const auto but_the_second = [&](size_t i) {
        return matrices(i) && state.parameters()[i].name != "1.weight";
    };
    CHECK(
        state.ranges_of(but_the_second) ==
        std::vector<Range>{{0, FlatState::alignment}, {2 * FlatState::alignment, 3 * FlatState::alignment}});
    CHECK(state.ranges_of([](size_t) { return false; }).empty());
}

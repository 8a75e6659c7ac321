// SGD against PyTorch's trajectories (tests/golden/optimisers.json); options that are refused.

#include <doctest/doctest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "engine/atomic_file.h"
#include "engine/autograd.h"
#include "engine/error.h"
#include "engine/nn/layers.h"
#include "engine/optim/sgd.h"
#include "tests/folders.h"

using namespace vitrine;
using namespace vitrine::optim;

namespace {

const nlohmann::json& golden() {
    static const auto document =
        nlohmann::json::parse(read_file(tests::repository() / "tests/golden/optimisers.json"));
    return document;
}

void check_trajectory(const nlohmann::json& entry, Placement placement) {
    const auto start = golden().at("start").get<std::vector<double>>();
    const Shape shape{static_cast<int64_t>(start.size())};
    nn::Parameter parameter{
        "w", Tensor::from_host(start, shape, placement), nn::TorchLayout::same(shape), {}, nn::Role::trained};
    parameter.value.require_gradient();
    FlatState state({{"w", &parameter}});
    Sgd sgd(state, {.momentum = entry.at("momentum"),
                    .weight_decay = entry.at("weight_decay"),
                    .dampening = entry.at("dampening"),
                    .nesterov = entry.at("nesterov")});
    for (size_t step = 0; step < entry.at("trajectory").size(); ++step) {
        sgd.zero_gradients();
        const auto gradient = golden().at("gradients")[step].get<std::vector<double>>();
        parameter.value.slot()->contribute(Tensor::from_host(gradient, shape, placement));
        sgd.step(golden().at("rates")[step]);
        const std::vector<double> value = parameter.value.to_host<double>();
        for (size_t i = 0; i < value.size(); ++i) {
            CHECK(value[i] == doctest::Approx(entry.at("trajectory")[step][i].get<double>()).epsilon(1e-14));
        }
    }
}

}  // namespace

TEST_CASE("SGD follows PyTorch for every combination of its options") {
    REQUIRE(golden().at("sgd").size() >= 10);
    for (const auto& entry : golden().at("sgd")) {
        CAPTURE(entry.dump());
        for (Device device : {Device::reference, Device::cpu}) check_trajectory(entry, {DType::f64, device});
    }
}

TEST_CASE("a parameter without a gradient stays, and starts its momentum with its first gradient") {
    const Placement placement{DType::f64, Device::reference};
    nn::Parameter parameter{"w",
                            Tensor::from_host(std::vector<double>{1.0}, {1}, placement),
                            nn::TorchLayout::same({1}),
                            {},
                            nn::Role::trained};
    parameter.value.require_gradient();
    FlatState state({{"w", &parameter}});
    Sgd sgd(state, {.momentum = 0.5, .weight_decay = 0.0, .dampening = 0.25});
    sgd.step(0.1);
    CHECK(parameter.value.item() == 1.0);

    const Tensor gradient = Tensor::from_host(std::vector<double>{2.0}, {1}, placement);
    parameter.value.slot()->contribute(gradient);
    sgd.step(0.1);  // the first step takes no dampening: buffer 2
    CHECK(parameter.value.item() == doctest::Approx(0.8).epsilon(1e-15));
    sgd.step(0.1);  // buffer 0.5 · 2 + 0.75 · 2 = 2.5
    CHECK(parameter.value.item() == doctest::Approx(0.55).epsilon(1e-15));
}

TEST_CASE("options that do not go together are refused") {
    FlatState none({});
    CHECK_THROWS_AS(Sgd(none, {.momentum = 0.0, .nesterov = true}), Error);
    CHECK_THROWS_AS(Sgd(none, {.momentum = 0.9, .dampening = 0.1, .nesterov = true}), Error);
    CHECK_THROWS_AS(Sgd(none, {.momentum = -0.1}), Error);
    CHECK_THROWS_AS(Sgd(none, {.weight_decay = -1.0}), Error);
    CHECK_THROWS_AS(Sgd(none, {.weight_decay = std::nan("")}), Error);
}

TEST_CASE("a factor on a parameter's learning rate is that rate, and leaves the others alone") {
    const Placement placement{DType::f64, Device::reference};
    const auto steps = [&](std::vector<double> factors, double rate) {
        nn::Sequential model;
        for (int i = 0; i < 2; ++i)
            model.append<nn::Linear>(nn::LinearOptions::torch_default(3, 2), placement);
        nn::initialise(model, 1);
        FlatState state(model.state());
        optim::Sgd sgd(state, {.momentum = 0.9, .weight_decay = 0.1, .rate_factors = std::move(factors)});
        for (int step = 0; step < 3; ++step) {
            sgd.zero_gradients();
            for (const nn::NamedParameter& named : model.trainable()) {
                const std::vector<double> ones(static_cast<size_t>(named.value().count()), 1.0 + step);
                named.value().slot()->contribute(Tensor::from_host(ones, named.value().shape(), placement));
            }
            sgd.step(rate);
        }
        std::vector<std::vector<double>> values;
        for (const nn::NamedParameter& named : model.trainable())
            values.push_back(named.value().to_host<double>());
        return values;
    };
    const auto all = steps({}, 0.01), fast = steps({}, 0.08), mixed = steps({1.0, 1.0, 8.0, 1.0}, 0.01);
    CHECK(mixed[0] == all[0]);
    CHECK(mixed[1] == all[1]);
    CHECK(mixed[2] == fast[2]);
    CHECK(mixed[3] == all[3]);
    CHECK(fast[2] != all[2]);
}

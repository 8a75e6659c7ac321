// The moving average of the weights by itself; optimiser_steps_test.cpp has it beside PyTorch's.

#include <doctest/doctest.h>

#include <cmath>
#include <stdexcept>
#include <vector>

#include "engine/error.h"
#include "engine/nn/layers.h"
#include "engine/optim/ema.h"
#include "engine/step/state.h"
#include "kernels/optim.h"

using namespace vitrine;
using namespace vitrine::optim;

TEST_CASE("moving average: the first update copies, counters are copied, and swap exchanges") {
    const Placement placement{DType::f32, Device::cpu};
    nn::BatchNorm2d norm(2, placement);

    const auto all = norm.state();
    for (const nn::NamedParameter& named : all) named.value().assign_zero();
    FlatState state(norm.state());
    Ema ema(state);
    const auto set = [&](double value) {
        for (const nn::NamedParameter& named : all) {
            const std::vector<double> values(static_cast<size_t>(named.value().count()), value);
            named.value().assign(std::span<const double>(values));
        }
    };
    const auto values = [&] {
        std::vector<double> first;
        for (const nn::NamedParameter& named : all) first.push_back(named.value().to_host<double>().front());
        return first;
    };
    set(1.0);
    ema.update(0.75);
    set(5.0);
    ema.update(0.75);
    ema.swap();
    CHECK(values() == std::vector<double>{2, 2, 2, 2, 5});  // the last one counts batches
    CHECK_THROWS_AS(ema.update(0.75), std::logic_error);
    CHECK_THROWS_AS(ema.state(), std::logic_error);
    ema.swap();
    CHECK(values() == std::vector<double>{5, 5, 5, 5, 5});
    CHECK_THROWS_AS(ema.update(1.5), Error);
    CHECK_THROWS_AS(ema.update(std::nan("")), Error);
    CHECK(ema.updates() == 2);
}

TEST_CASE("moving average: the decay warms up") {
    CHECK(warmed_up_decay(0.999, 0) == 0.1);
    CHECK(warmed_up_decay(0.999, 10) == 0.55);
    CHECK(warmed_up_decay(0.999, 8980) < 0.999);
    CHECK(warmed_up_decay(0.999, 8991) == 0.999);
    CHECK(warmed_up_decay(0.05, 0) == 0.05);
}

// SGD's options and what they refuse; schedules at their landmarks.

#include <doctest/doctest.h>

#include <cmath>

#include "engine/autograd.h"
#include "engine/error.h"
#include "engine/nn/layers.h"
#include "engine/optim/schedule.h"
#include "engine/optim/sgd.h"

using namespace vitrine;
using namespace vitrine::optim;

TEST_CASE("a parameter without a gradient stays, and starts its momentum with its first gradient") {
    const Placement placement{DType::f64, Device::reference};
    nn::Parameter parameter{"w",
                            Tensor::from_host(std::vector<double>{1.0}, {1}, placement),
                            nn::TorchLayout::same({1}),
                            {},
                            nn::Role::trained};
    parameter.value.require_gradient();
    Sgd sgd({{"w", &parameter}}, {.momentum = 0.5, .weight_decay = 0.0, .dampening = 0.25});
    sgd.step(0.1);
    CHECK(parameter.value.item() == 1.0);

    const Tensor gradient = Tensor::from_host(std::vector<double>{2.0}, {1}, placement);
    parameter.value.slot()->pass(gradient);
    sgd.step(0.1);  // the first step takes no dampening: buffer 2
    CHECK(parameter.value.item() == doctest::Approx(0.8).epsilon(1e-15));
    sgd.step(0.1);  // buffer 0.5 · 2 + 0.75 · 2 = 2.5
    CHECK(parameter.value.item() == doctest::Approx(0.55).epsilon(1e-15));
}

TEST_CASE("options that do not go together are refused") {
    CHECK_THROWS_AS(Sgd({}, {.momentum = 0.0, .nesterov = true}), Error);
    CHECK_THROWS_AS(Sgd({}, {.momentum = 0.9, .dampening = 0.1, .nesterov = true}), Error);
    CHECK_THROWS_AS(Sgd({}, {.momentum = -0.1}), Error);
    CHECK_THROWS_AS(Sgd({}, {.weight_decay = -1.0}), Error);
    CHECK_THROWS_AS(schedule_from_name("triangle"), Error);
}

TEST_CASE("schedules start, turn and end where they should") {
    const Schedule constant{ScheduleKind::constant, 0.1, 100};
    CHECK(constant.rate_at(0) == 0.1);
    CHECK(constant.rate_at(99) == 0.1);

    const Schedule cosine{ScheduleKind::cosine, 0.1, 100};
    CHECK(cosine.rate_at(0) == doctest::Approx(0.1));
    CHECK(cosine.rate_at(50) == doctest::Approx(0.05));
    CHECK(cosine.rate_at(99) < 1e-4);
    CHECK(cosine.rate_at(1000) == cosine.rate_at(99));

    const Schedule one_cycle{ScheduleKind::one_cycle, 0.1, 100};
    CHECK(one_cycle.rate_at(0) == doctest::Approx(0.004));
    CHECK(one_cycle.rate_at(29) == doctest::Approx(0.1));
    CHECK(one_cycle.rate_at(99) == doctest::Approx(0.1 / 25 / 1e4));
}

TEST_CASE("a schedule of very few steps stays finite and positive") {
    for (int64_t total = 1; total <= 6; ++total) {
        const Schedule one_cycle{ScheduleKind::one_cycle, 0.1, total};
        for (int64_t step = 0; step < total; ++step) {
            CHECK(std::isfinite(one_cycle.rate_at(step)));
            CHECK(one_cycle.rate_at(step) > 0.0);
        }
    }
}

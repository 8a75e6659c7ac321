// The numbers of kernels/reference/batch_norm_backward.md, which somebody may work by hand: they are what the reference
// kernel computes.

#include <doctest/doctest.h>

#include <array>
#include <cmath>
#include <fstream>
#include <sstream>
#include <string>

#include "kernels/kernels.h"
#include "tests/folders.h"

using namespace vitrine;

namespace {

using Four = std::array<double, 4>;

/// The numbers of the page's table row that begins so.
Four row(const std::string& name) {
    std::ifstream page(tests::repository() / "kernels/reference/batch_norm_backward.md");
    const std::string begin = "| " + name + " |";
    for (std::string line; std::getline(page, line);) {
        if (!line.starts_with(begin)) continue;
        std::istringstream cells(line.substr(begin.size()));
        Four numbers{};
        char bar = 0;
        for (double& number : numbers) cells >> number >> bar;
        REQUIRE(cells);
        return numbers;
    }
    FAIL("the page has no row '" << name << "'");
    return {};
}

void check_equal(const Four& computed, const Four& written, double tolerance = 1e-12) {
    for (size_t i = 0; i < written.size(); ++i) {
        CAPTURE(i);
        CHECK(std::abs(computed[i] - written[i]) <= tolerance);
    }
}

Four times(double factor, Four numbers) {
    for (double& number : numbers) number *= factor;
    return numbers;
}

constexpr double weight = 2, bias = 1;

struct Forward {
    Four y{};
    double mean = 0, rstd = 0;
};

Forward forward(const Four& x) {
    Forward result;
    double running_mean = 0, running_variance = 1;
    kernels(Device::reference)
        .batch_norm_forward({.dtype = DType::f64,
                             .rows = 4,
                             .channels = 1,
                             .epsilon = 0,
                             .x = x.data(),
                             .weight = &weight,
                             .bias = &bias,
                             .running_mean = &running_mean,
                             .running_variance = &running_variance,
                             .mean = &result.mean,
                             .rstd = &result.rstd,
                             .y = result.y.data()});
    return result;
}

}  // namespace

TEST_CASE("batch norm's four numbers: forward, the two sums, and what they leave of d_y") {
    const Four x = row("x"), d_y = row("d_y");
    const Forward there = forward(x);
    check_equal(there.y, row("y"));
    Four deviations = x;
    for (double& value : deviations) value -= there.mean;
    check_equal(deviations, row("x − m"));
    check_equal(times(there.rstd, deviations), row("x̂"));

    Four d_x{};
    double d_weight = 0, d_bias = 0;
    kernels(Device::reference)
        .batch_norm_backward({.dtype = DType::f64,
                              .rows = 4,
                              .channels = 1,
                              .x = x.data(),
                              .weight = &weight,
                              .mean = &there.mean,
                              .rstd = &there.rstd,
                              .d_y = d_y.data(),
                              .d_x = {d_x.data(), GradMode::write},
                              .d_weight = {&d_weight, GradMode::write},
                              .d_bias = {&d_bias, GradMode::write}});
    check_equal(d_x, row("d_x"));
    check_equal(times(1 / (weight * there.rstd), d_x), row("what is left"));
    check_equal(times(d_bias / 4, {1, 1, 1, 1}), row("by the mean"));
    check_equal(times(d_weight / 4, row("x̂")), row("by the variance"));
    const Four products = row("d_y · x̂");
    CHECK(std::abs(products[0] + products[1] + products[2] + products[3] - d_weight) <= 1e-12);
}

TEST_CASE("batch norm's four numbers: moving each x tells the same gradients") {
    const Four x = row("x");
    Four more{}, less{}, slope{};
    for (size_t i = 0; i < x.size(); ++i) {
        Four moved = x;
        moved[i] += 0.1;
        more[i] = forward(moved).y[0];
        moved[i] = x[i] - 0.1;
        less[i] = forward(moved).y[0];
        slope[i] = (more[i] - less[i]) / 0.2;
    }
    check_equal(more, row("y₁ when it is 0.1 more"), 5.1e-7);
    check_equal(less, row("y₁ when it is 0.1 less"), 5.1e-7);
    check_equal(slope, row("their difference / 0.2"), 5.1e-5);
    check_equal(slope, row("d_x"), 5.1e-5);
}

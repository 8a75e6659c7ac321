// Activations, off their kinks, and at values that are no ordinary numbers.

#include <fmt/format.h>

#include <cmath>
#include <limits>

#include "lab/gradcheck/cases/list.h"
#include "lab/gradcheck/harness/draw.h"

namespace vitrine::gradcheck {
namespace {

/// The activation as its paper has it.
double formula(Activation activation, double x) {
    switch (activation) {
        case Activation::identity:
            return x;
        case Activation::relu:
            return x < 0 ? 0 : x;
        case Activation::relu6:
            return x < 0 ? 0 : x > 6 ? 6 : x;
        case Activation::silu:
            return x / (1 + std::exp(-x));
        case Activation::hard_swish:
            return x * formula(Activation::relu6, x + 3) / 6;
    }
    return std::nan("");
}

Problem activation_problem(Activation activation, std::string what, std::vector<double> x) {
    const int64_t count = static_cast<int64_t>(x.size());
    Problem problem;
    problem.shape = fmt::format("{}, {}", name_of(activation), what);
    problem.tensors = {{"x", Role::parameter, count, std::move(x)}, {"y", Role::loss, count}};
    problem.half = HalfTypes{};
    problem.forward = pass(&KernelTable::activation_forward, [=](DType dtype, const Bindings& b) {
        return ActivationForward{dtype, activation, count, b["x"], b["y"]};
    });
    problem.backward = pass(&KernelTable::activation_backward, [=](DType dtype, const Bindings& b) {
        const bool clamp = is_clamp(activation);
        return ActivationBackward{
            dtype,    activation,       count, clamp ? b["y"] : nullptr, clamp ? nullptr : b["x"],
            b["d_y"], b.gradient("d_x")};
    });
    problem.expected = [=](const Values& inputs) {
        std::vector<double> y = inputs.at("x");
        for (double& value : y) value = formula(activation, value);
        return Values{{"y", std::move(y)}};
    };
    problem.forward_aliases = {{"y", "x"}};
    problem.backward_aliases = {{"d_x", "d_y"}};
    return problem;
}

/// The kinks, numbers whose exponential is too large for f32 or f64, both infinities and a NaN, at every place of a
/// vector.
std::vector<double> special_values() {
    constexpr double infinity = std::numeric_limits<double>::infinity();
    const std::vector<double> kinds{0.0,  -0.0, 6.0,    infinity, -infinity, std::nan(""), 3.0,
                                    -3.0, 7.0,  -100.0, 100.0,    -1000.0,   1000.0};
    std::vector<double> values;
    for (size_t i = 0; i < 16; ++i) values.insert(values.end(), kinds.begin(), kinds.end());
    return values;
}

}  // namespace

std::vector<Problem> activation_problems() {
    std::vector<Problem> problems;
    for (const Activation activation : all_activations) {
        for (const int64_t count : {1, 7, 16, 33, 1000, 40'003}) {
            problems.push_back(
                activation_problem(activation, fmt::format("{}", count), off_kinks(activation, "x", count)));
        }
        problems.push_back(activation_problem(activation, "kinks, infinities and NaN", special_values()));
        problems.back().differences = false;
    }
    return problems;
}

std::vector<Problem> activation_layers() {
    const int64_t count = int64_t{56} * 56 * 144;
    const auto layer = [&](Activation activation) {
        return activation_problem(activation, fmt::format("{}", count), off_kinks(activation, "x", count));
    };
    return {layer(Activation::relu6), layer(Activation::silu)};
}

}  // namespace vitrine::gradcheck

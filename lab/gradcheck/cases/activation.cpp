// Activations, off their kinks, and at values that are no ordinary numbers.

#include <fmt/format.h>

#include <cmath>
#include <limits>

#include "lab/gradcheck/cases/list.h"
#include "lab/gradcheck/harness/draw.h"

namespace vitrine::gradcheck {
namespace {

Problem activation_problem(Activation activation, std::string what, std::vector<double> x) {
    const int64_t count = static_cast<int64_t>(x.size());
    Problem problem;
    problem.shape = fmt::format("{}, {}", name_of(activation), what);
    problem.tensors = {{"x", Role::parameter, count, std::move(x)}, {"y", Role::loss, count}};
    problem.forward = pass(&KernelTable::activation_forward, [=](DType dtype, const Bindings& b) {
        return ActivationForward{dtype, activation, count, b["x"], b["y"]};
    });
    problem.backward = pass(&KernelTable::activation_backward, [=](DType dtype, const Bindings& b) {
        return ActivationBackward{dtype, activation, count, b["y"], b["d_y"], b.gradient("d_x")};
    });
    problem.forward_aliases = {{"y", "x"}};
    problem.backward_aliases = {{"d_x", "d_y"}};
    return problem;
}

/// Both kinks, both infinities and a NaN, at every place of a vector.
std::vector<double> special_values() {
    constexpr double infinity = std::numeric_limits<double>::infinity();
    const std::vector<double> kinds{0.0, -0.0, 6.0, infinity, -infinity, std::nan(""), 3.0, -3.0, 7.0};
    std::vector<double> values;
    for (size_t i = 0; i < 16; ++i) values.insert(values.end(), kinds.begin(), kinds.end());
    return values;
}

}  // namespace

std::vector<Problem> activation_problems() {
    std::vector<Problem> problems;
    for (const Activation activation : {Activation::identity, Activation::relu, Activation::relu6}) {
        for (const int64_t count : {1, 7, 16, 33, 1000, 40'003}) {
            problems.push_back(
                activation_problem(activation, fmt::format("{}", count), off_kinks("x", count)));
        }
        problems.push_back(activation_problem(activation, "kinks, infinities and NaN", special_values()));
        problems.back().differences = false;
    }
    return problems;
}

std::vector<Problem> activation_layers() {
    const int64_t count = int64_t{56} * 56 * 144;
    return {activation_problem(Activation::relu6, fmt::format("{}", count), off_kinks("x", count))};
}

}  // namespace vitrine::gradcheck

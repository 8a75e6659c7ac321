// The norm of an array.

#include <fmt/format.h>

#include <cmath>

#include "lab/gradcheck/cases/list.h"
#include "lab/gradcheck/harness/draw.h"

namespace vitrine::gradcheck {
namespace {

Values expected(const Values& inputs) {
    double sum = 0;
    for (const double x : inputs.at("data")) sum += x * x;
    return {{"norm", {std::sqrt(sum)}}};
}

/// The values are drawn from ±scale.
Problem norm_problem(int64_t count, double scale = 1) {
    Problem problem;
    problem.shape = fmt::format("{}{}", count, scale != 1 ? fmt::format(", times {}", scale) : "");
    std::vector<double> values = uniform("data", count);
    for (double& value : values) value *= scale;
    problem.tensors.push_back({"data", Role::input, count, std::move(values)});
    problem.tensors.push_back({"norm", Role::output, 1});
    problem.forward = pass(&KernelTable::l2_norm, [count](DType dtype, const Bindings& b) {
        return L2Norm{dtype, count, b["data"], b["norm"]};
    });
    problem.expected = expected;
    return problem;
}

}  // namespace

std::vector<Problem> l2_norm_problems() {
    return {norm_problem(0),
            norm_problem(1),
            norm_problem(7),
            norm_problem(4096),
            norm_problem(4097),
            norm_problem(270'001),  // more blocks than a block has threads
            norm_problem(16 * 4096 + 2),
            norm_problem(1010, 1e-12),
            norm_problem(1010, 1e12)};
}

std::vector<Problem> l2_norm_layers() { return {norm_problem(220'000)}; }

}  // namespace vitrine::gradcheck

// The norm of several tensors taken together.

#include <fmt/format.h>

#include <cmath>
#include <memory>

#include "tools/gradcheck/cases/list.h"
#include "tools/gradcheck/harness/draw.h"

namespace vitrine::gradcheck {
namespace {

std::string part_name(size_t part) { return fmt::format("part{}", part); }

Values expected(size_t parts, const Values& inputs) {
    double sum = 0;
    for (size_t i = 0; i < parts; ++i) {
        for (const double x : inputs.at(part_name(i))) sum += x * x;
    }
    return {{"norm", {std::sqrt(sum)}}};
}

/// The values of a part are drawn from ±scale.
Problem norm_problem(const std::vector<int64_t>& counts, double scale = 1) {
    Problem problem;
    problem.shape =
        fmt::format("{}{}", fmt::join(counts, " + "), scale != 1 ? fmt::format(", times {}", scale) : "");
    for (size_t i = 0; i < counts.size(); ++i) {
        std::vector<double> values = uniform(part_name(i), counts[i]);
        for (double& value : values) value *= scale;
        problem.tensors.push_back({part_name(i), Role::input, counts[i], std::move(values)});
    }
    problem.tensors.push_back({"norm", Role::output, 1});
    const auto parts = std::make_shared<std::vector<L2NormPart>>();
    problem.forward = pass(&KernelTable::l2_norm, [counts, parts](DType dtype, const Bindings& b) {
        parts->clear();
        for (size_t i = 0; i < counts.size(); ++i) parts->push_back({counts[i], b[part_name(i)]});
        return L2Norm{dtype, *parts, b["norm"]};
    });
    problem.expected = [count = counts.size()](const Values& inputs) { return expected(count, inputs); };
    return problem;
}

}  // namespace

std::vector<Problem> l2_norm_problems() {
    return {norm_problem({1}),
            norm_problem({5, 1, 33, 70'001}),
            norm_problem({4096, 4097, 3}),
            norm_problem({16 * 4096 + 2, 1}),
            norm_problem(std::vector<int64_t>(150, 7)),
            norm_problem({1000, 10}, 1e-12),
            norm_problem({1000, 10}, 1e12),
            norm_problem({})};
}

std::vector<Problem> l2_norm_layers() {
    return {norm_problem({864, 32, 32, 288, 24 * 144, 144, 144, 96 * 576, 160 * 960})};
}

}  // namespace vitrine::gradcheck

// Max pooling, with values so far apart that no winner changes, and with ties, infinities and NaN.

#include <cmath>
#include <limits>

#include "lab/gradcheck/cases/list.h"
#include "lab/gradcheck/cases/pool_problem.h"
#include "lab/gradcheck/harness/draw.h"

namespace vitrine::gradcheck {
namespace {

Problem max_pool_problem(const PoolShape& shape, std::vector<double> x) {
    Problem problem;
    problem.shape = describe(shape);
    problem.tensors = {{"x", Role::parameter, in_count(shape), std::move(x)},
                       {"y", Role::loss, out_count(shape)},
                       {"index", Role::output, out_count(shape), {}, Element::i32}};
    problem.half = HalfTypes{};
    problem.forward = pass(&KernelTable::max_pool_forward, [=](DType dtype, const Bindings& b) {
        return MaxPoolForward{dtype, shape, b["x"], b["y"], static_cast<int32_t*>(b["index"])};
    });
    problem.backward = pass(&KernelTable::max_pool_backward, [=](DType dtype, const Bindings& b) {
        return MaxPoolBackward{dtype, shape, static_cast<const int32_t*>(b["index"]), b["d_y"],
                               b.gradient("d_x")};
    });
    return problem;
}

/// A few values many times over, with −∞ and NaN among them.
std::vector<double> ties(int64_t count) {
    std::vector<double> values = integers("ties", count, 5);
    for (double& value : values) {
        if (value == 3) value = -std::numeric_limits<double>::infinity();
        if (value == 4) value = std::nan("");
    }
    return values;
}

}  // namespace

std::vector<Problem> max_pool_problems() {
    std::vector<Problem> problems;
    for (const PoolShape& shape : pool_shapes()) {
        problems.push_back(max_pool_problem(shape, well_apart("x", in_count(shape))));
    }
    for (const PoolShape& shape : {PoolShape{2, {9, 9}, 19, {2, 2}, {2, 2}, {0, 0}},
                                   PoolShape{2, {8, 7}, 33, {3, 3}, {2, 2}, {1, 1}}}) {
        Problem all_equal =
            max_pool_problem(shape, std::vector<double>(static_cast<size_t>(in_count(shape)), -2.0));
        all_equal.shape += ", all equal and negative";
        Problem mixed = max_pool_problem(shape, ties(in_count(shape)));
        mixed.shape += ", ties, infinities and NaN";
        for (Problem* problem : {&all_equal, &mixed}) {
            problem->differences = false;
            problems.push_back(std::move(*problem));
        }
    }
    return problems;
}

/// Behind the stem of a ResNet.
std::vector<Problem> max_pool_layers() {
    const PoolShape shape{1, {56, 56}, 64, {3, 3}, {2, 2}, {1, 1}};
    return {max_pool_problem(shape, well_apart("x", in_count(shape)))};
}

}  // namespace vitrine::gradcheck

// Average pooling.

#include "lab/gradcheck/cases/list.h"
#include "lab/gradcheck/cases/pool_problem.h"
#include "lab/gradcheck/harness/draw.h"

namespace vitrine::gradcheck {
namespace {

Problem average_pool_problem(const PoolShape& shape) {
    Problem problem;
    problem.shape = describe(shape);
    problem.tensors = {{"x", Role::parameter, in_count(shape), uniform("x", in_count(shape))},
                       {"y", Role::loss, out_count(shape)}};
    problem.half = HalfTypes{};
    problem.forward = pass(&KernelTable::average_pool_forward, [=](DType dtype, const Bindings& b) {
        return AveragePoolForward{dtype, shape, b["x"], b["y"]};
    });
    problem.backward = pass(&KernelTable::average_pool_backward, [=](DType dtype, const Bindings& b) {
        return AveragePoolBackward{dtype, shape, b["d_y"], b.gradient("d_x")};
    });
    return problem;
}

}  // namespace

std::vector<Problem> average_pool_problems() {
    std::vector<Problem> problems;
    for (const PoolShape& shape : pool_shapes()) problems.push_back(average_pool_problem(shape));
    return problems;
}

/// BasicBlockNet's last one.
std::vector<Problem> average_pool_layers() {
    return {average_pool_problem({2, {16, 16}, 128, {8, 8}, {8, 8}, {0, 0}})};
}

}  // namespace vitrine::gradcheck

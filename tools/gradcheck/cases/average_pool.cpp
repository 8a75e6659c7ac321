// Average pooling.

#include "tools/gradcheck/cases/list.h"
#include "tools/gradcheck/cases/pool_problem.h"
#include "tools/gradcheck/harness/draw.h"

namespace vitrine::gradcheck {

std::vector<Problem> average_pool_problems() {
    std::vector<Problem> problems;
    for (const PoolShape& shape : pool_shapes()) {
        Problem problem;
        problem.shape = describe(shape);
        problem.tensors = {{"x", Role::parameter, in_count(shape), uniform("x", in_count(shape))},
                           {"y", Role::loss, out_count(shape)}};
        problem.forward = pass(&KernelTable::average_pool_forward, [=](DType dtype, const Bindings& b) {
            return AveragePoolForward{dtype, shape, b["x"], b["y"]};
        });
        problem.backward = pass(&KernelTable::average_pool_backward, [=](DType dtype, const Bindings& b) {
            return AveragePoolBackward{dtype, shape, b["d_y"], b.gradient("d_x")};
        });
        problems.push_back(std::move(problem));
    }
    return problems;
}

}  // namespace vitrine::gradcheck

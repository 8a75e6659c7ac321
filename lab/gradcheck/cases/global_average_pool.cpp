// The average of every channel over a whole image.

#include <fmt/format.h>

#include "lab/gradcheck/cases/list.h"
#include "lab/gradcheck/harness/draw.h"

namespace vitrine::gradcheck {
namespace {

Problem global_average_pool_problem(int64_t batch, int64_t pixels, int64_t channels) {
    const int64_t count = batch * pixels * channels;
    Problem problem;
    problem.shape = fmt::format("{}x{}x{}", batch, pixels, channels);
    problem.tensors = {{"x", Role::parameter, count, uniform("x", count)},
                       {"y", Role::loss, batch * channels}};
    problem.half = HalfTypes{};
    problem.forward = pass(&KernelTable::global_average_pool_forward, [=](DType dtype, const Bindings& b) {
        return GlobalAveragePoolForward{dtype, batch, pixels, channels, b["x"], b["y"]};
    });
    problem.backward = pass(&KernelTable::global_average_pool_backward, [=](DType dtype, const Bindings& b) {
        return GlobalAveragePoolBackward{dtype, batch, pixels, channels, b["d_y"], b.gradient("d_x")};
    });
    return problem;
}

}  // namespace

std::vector<Problem> global_average_pool_problems() {
    return {global_average_pool_problem(1, 1, 1),    global_average_pool_problem(2, 49, 17),
            global_average_pool_problem(3, 15, 1),   global_average_pool_problem(1, 64, 32),
            global_average_pool_problem(4, 49, 320), global_average_pool_problem(1, 3000, 5)};
}

/// MobileNetV2's.
std::vector<Problem> global_average_pool_layers() { return {global_average_pool_problem(4, 49, 1280)}; }

}  // namespace vitrine::gradcheck

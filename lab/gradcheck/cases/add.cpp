// The sum of two tensors.

#include <fmt/format.h>

#include "lab/gradcheck/cases/list.h"
#include "lab/gradcheck/harness/draw.h"

namespace vitrine::gradcheck {
namespace {

Problem add_problem(int64_t count) {
    Problem problem;
    problem.shape = fmt::format("{}", count);
    problem.tensors = {{"a", Role::parameter, count, uniform("a", count)},
                       {"b", Role::parameter, count, uniform("b", count)},
                       {"y", Role::loss, count}};
    problem.half = HalfTypes{};
    problem.forward = pass(&KernelTable::add_forward, [=](DType dtype, const Bindings& b) {
        return AddForward{dtype, count, b["a"], b["b"], b["y"]};
    });
    problem.backward = pass(&KernelTable::add_backward, [=](DType dtype, const Bindings& b) {
        return AddBackward{dtype, count, b["d_y"], b.gradient("d_a"), b.gradient("d_b")};
    });
    problem.forward_aliases = {{"y", "a"}, {"y", "b"}};
    return problem;
}

}  // namespace

std::vector<Problem> add_problems() {
    std::vector<Problem> problems;
    for (const int64_t count : {1, 7, 16, 33, 1000, 40'003}) problems.push_back(add_problem(count));
    return problems;
}

std::vector<Problem> add_layers() { return {add_problem(int64_t{56} * 56 * 24)}; }

}  // namespace vitrine::gradcheck

// The linear layer.

#include <fmt/format.h>

#include "lab/gradcheck/cases/list.h"
#include "lab/gradcheck/harness/draw.h"

namespace vitrine::gradcheck {
namespace {

struct Options {
    int64_t rows;
    int64_t in;
    int64_t out;
    bool bias;
};

LinearForward forward_args(const Options& o, DType dtype, const Bindings& b) {
    return {dtype, o.rows, o.in, o.out, b["x"], b["weight"], b.optional("bias"), b["y"]};
}

LinearBackward backward_args(const Options& o, DType dtype, const Bindings& b) {
    return {dtype,
            o.rows,
            o.in,
            o.out,
            b["x"],
            b["weight"],
            b["d_y"],
            b.gradient("d_x"),
            b.gradient("d_weight"),
            b.gradient("d_bias")};
}

Problem linear_problem(const Options& o) {
    Problem problem;
    problem.shape = fmt::format("{}x{} to {}{}", o.rows, o.in, o.out, o.bias ? ", bias" : "");
    problem.tensors = {{"x", Role::parameter, o.rows * o.in, uniform("x", o.rows * o.in)},
                       {"weight", Role::parameter, o.out * o.in, uniform("weight", o.out * o.in)},
                       {"y", Role::loss, o.rows * o.out}};
    if (o.bias) problem.tensors.push_back({"bias", Role::parameter, o.out, uniform("bias", o.out)});
    problem.half = HalfTypes{{"bias"}, {"weight"}};
    problem.forward = pass(&KernelTable::linear_forward,
                           [o](DType dtype, const Bindings& b) { return forward_args(o, dtype, b); });
    problem.backward = pass(&KernelTable::linear_backward,
                            [o](DType dtype, const Bindings& b) { return backward_args(o, dtype, b); });
    if (o.rows * o.in * o.out > 1'000'000) problem.samples = 6;
    return problem;
}

}  // namespace

std::vector<Problem> linear_problems() {
    const std::vector<Options> all{
        {1, 1, 1, false},   {1, 1, 1, true},       {3, 5, 7, true},      {4, 16, 16, false},
        {7, 33, 10, true},  {1, 300, 17, true},    {65, 13, 1, false},   {32, 512, 10, true},
        {5, 1280, 9, true}, {64, 130, 260, false}, {128, 96, 129, true}, {70, 136, 200, true},
        {3, 70, 90, true},  {17, 150, 130, true},  {20, 200, 67, false},
    };
    std::vector<Problem> problems;
    for (const Options& options : all) problems.push_back(linear_problem(options));
    return problems;
}

/// MobileNetV2's classifier and BasicBlockNet's.
std::vector<Problem> linear_layers() {
    return {linear_problem({8, 1280, 1000, true}), linear_problem({64, 512, 10, true})};
}

}  // namespace vitrine::gradcheck

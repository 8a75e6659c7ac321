// Batch norm in training and in evaluation.

#include <fmt/format.h>

#include "lab/gradcheck/cases/list.h"
#include "lab/gradcheck/harness/draw.h"

namespace vitrine::gradcheck {
namespace {

struct Options {
    int64_t rows;
    int64_t channels;
    bool training;
    double epsilon = 1e-5;
    double offset = 0;  // of x: a mean far from 0 makes sums of squares cancel
};

std::vector<Tensor> tensors_of(const Options& o) {
    const int64_t count = o.rows * o.channels;
    const Role running = o.training ? Role::state : Role::input;
    return {{"x", Role::parameter, count, uniform("x", count, o.offset - 2, o.offset + 2)},
            {"weight", Role::parameter, o.channels, away_from_zero("weight", o.channels)},
            {"bias", Role::parameter, o.channels, uniform("bias", o.channels)},
            {"running_mean", running, o.channels, uniform("running_mean", o.channels)},
            {"running_variance", running, o.channels, uniform("running_variance", o.channels, 0.5, 2)},
            {"mean", Role::output, o.channels},
            {"rstd", Role::output, o.channels},
            {"y", Role::loss, count}};
}

BatchNormForward forward_args(const Options& o, DType dtype, const Bindings& b) {
    BatchNormForward args;
    args.dtype = dtype;
    args.training = o.training;
    args.rows = o.rows;
    args.channels = o.channels;
    args.epsilon = o.epsilon;
    args.momentum = 0.2;
    args.x = b["x"];
    args.weight = b["weight"];
    args.bias = b["bias"];
    args.running_mean = b["running_mean"];
    args.running_variance = b["running_variance"];
    args.mean = b["mean"];
    args.rstd = b["rstd"];
    args.y = b["y"];
    return args;
}

BatchNormBackward backward_args(const Options& o, DType dtype, const Bindings& b) {
    BatchNormBackward args;
    args.dtype = dtype;
    args.training = o.training;
    args.rows = o.rows;
    args.channels = o.channels;
    args.x = b["x"];
    args.weight = b["weight"];
    args.mean = b["mean"];
    args.rstd = b["rstd"];
    args.d_y = b["d_y"];
    args.d_x = b.gradient("d_x");
    args.d_weight = b.gradient("d_weight");
    args.d_bias = b.gradient("d_bias");
    return args;
}

Problem batch_norm_problem(const Options& o) {
    Problem problem;
    problem.shape =
        fmt::format("{} rows x {}, {}", o.rows, o.channels, o.training ? "training" : "evaluation");
    if (o.offset != 0) problem.shape += fmt::format(", x near {}", o.offset);
    problem.tensors = tensors_of(o);
    problem.half = HalfTypes{{"weight", "bias", "running_mean", "running_variance", "mean", "rstd"}};
    problem.forward = pass(&KernelTable::batch_norm_forward,
                           [o](DType dtype, const Bindings& b) { return forward_args(o, dtype, b); });
    problem.backward = pass(&KernelTable::batch_norm_backward,
                            [o](DType dtype, const Bindings& b) { return backward_args(o, dtype, b); });
    if (!o.training) problem.forward_aliases = {{"y", "x"}};
    problem.backward_aliases = {{"d_x", "d_y"}};
    if (o.offset != 0) {
        problem.looser = {{"onednn", 1e-9, "it sums the mean in plain f32, one value after the other"}};
    }
    return problem;
}

}  // namespace

std::vector<Problem> batch_norm_problems() {
    const std::vector<Options> all{
        // Two rows normalise to ±1 whatever they hold, and what is left of d_x is epsilon's: a large one.
        {2, 3, true, 0.5},     {3, 1, true},      {20, 17, true},
        {49, 33, true},        {64, 16, true},    {2000, 5, true},
        {1000, 40, true},      {300, 200, true},  {128, 24, true, 1e-5, 100},  //
        {1, 1, false},         {1, 7, false},     {20, 17, false},
        {49, 33, false, 1e-3}, {1000, 40, false},
    };
    std::vector<Problem> problems;
    for (const Options& options : all) problems.push_back(batch_norm_problem(options));
    return problems;
}

std::vector<Problem> batch_norm_layers() {
    return {batch_norm_problem({112 * 112, 32, true}), batch_norm_problem({56 * 56, 144, true}),
            batch_norm_problem({2 * 7 * 7, 960, true}), batch_norm_problem({56 * 56, 24, false})};
}

}  // namespace vitrine::gradcheck

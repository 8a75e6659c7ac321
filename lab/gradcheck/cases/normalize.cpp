// Batch norm without x: from moments to scale and shift, in training and in evaluation.

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
};

std::vector<Tensor> tensors_of(const Options& o) {
    const int64_t channels = o.channels;
    const double rows = static_cast<double>(o.rows);
    std::vector<Tensor> tensors{
        {"weight", Role::parameter, channels, away_from_zero("weight", channels)},
        {"bias", Role::parameter, channels, uniform("bias", channels)},
        {"running_mean", o.training ? Role::state : Role::input, channels, uniform("running_mean", channels)},
        {"running_variance", o.training ? Role::state : Role::input, channels,
         uniform("running_variance", channels, 0.5, 2)},
        {"rstd", Role::output, channels},
        {"scale", Role::loss, channels},
        {"shift", Role::loss, channels}};
    if (!o.training) return tensors;
    tensors.push_back({"mean", Role::parameter, channels, uniform("mean", channels)});
    tensors.push_back({"m2", Role::parameter, channels, uniform("m2", channels, 0.5 * rows, 2 * rows)});
    return tensors;
}

NormalizeForward forward_args(const Options& o, DType dtype, const Bindings& b) {
    NormalizeForward args;
    args.dtype = dtype;
    args.training = o.training;
    args.rows = o.rows;
    args.channels = o.channels;
    args.epsilon = o.epsilon;
    args.momentum = 0.2;
    args.mean = b.optional("mean");
    args.m2 = b.optional("m2");
    args.weight = b["weight"];
    args.bias = b["bias"];
    args.running_mean = b["running_mean"];
    args.running_variance = b["running_variance"];
    args.scale = b["scale"];
    args.shift = b["shift"];
    args.rstd = b["rstd"];
    return args;
}

NormalizeBackward backward_args(const Options& o, DType dtype, const Bindings& b) {
    NormalizeBackward args;
    args.dtype = dtype;
    args.rows = o.rows;
    args.channels = o.channels;
    args.mean = b[o.training ? "mean" : "running_mean"];
    args.rstd = b["rstd"];
    args.weight = b["weight"];
    args.d_scale = b["d_scale"];
    args.d_shift = b["d_shift"];
    args.d_mean = b.gradient("d_mean");
    args.d_m2 = b.gradient("d_m2");
    args.d_weight = b.gradient("d_weight");
    args.d_bias = b.gradient("d_bias");
    return args;
}

Problem normalize_problem(const Options& o) {
    Problem problem;
    problem.shape =
        fmt::format("{} channels of {} rows, {}", o.channels, o.rows, o.training ? "training" : "evaluation");
    problem.tensors = tensors_of(o);
    problem.forward = pass(&KernelTable::normalize_forward,
                           [o](DType dtype, const Bindings& b) { return forward_args(o, dtype, b); });
    problem.backward = pass(&KernelTable::normalize_backward,
                            [o](DType dtype, const Bindings& b) { return backward_args(o, dtype, b); });
    return problem;
}

}  // namespace

std::vector<Problem> normalize_problems() {
    std::vector<Problem> problems;
    for (const Options& options : std::vector<Options>{{2, 1, true, 0.5},
                                                       {49, 7, true},
                                                       {100, 33, true},
                                                       {3136, 257, true},
                                                       {12, 1280, true, 1e-3},
                                                       {1, 1, false},
                                                       {20, 65, false}}) {
        problems.push_back(normalize_problem(options));
    }
    return problems;
}

std::vector<Problem> normalize_layers() { return {normalize_problem({32 * 14 * 14, 576, true})}; }

}  // namespace vitrine::gradcheck

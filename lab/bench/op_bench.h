// bench op: every implementation of an op's kernels against each other, inside real training.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "lab/bench/candidate.h"
#include "lab/common/layer_timer.h"
#include "lab/common/workloads.h"

namespace vitrine::tools {

struct OpBenchOptions {
    std::string op;     // "depthwise_conv" for both passes, or a kernel: "depthwise_conv_backward"
    std::string model;  // empty: the first workload that runs the kernel
    Device device = Device::cpu;
    DType precision = DType::f32;  // of what a model's steps store
    int64_t image_size = 0;        // 0: what the model was made for
    int64_t batch_size = 32;
    int64_t classes = 1000;
    int steps = 5;
};

/// How one implementation did on one shape, or on all.
struct Measurement {
    std::string implementation;
    std::string refused;          // why it did not run; empty if it did
    std::vector<double> seconds;  // in each step, of one layer (the mean of those with the shape)
};

struct ShapeBench {
    std::string shape;
    int layers = 0;
    Cost cost;  // of one layer, their mean
    std::vector<Measurement> implementations;
};

struct Total {
    std::string implementation;
    int layers = 0;  // that it did not refuse
    Cost cost;
    std::vector<double> seconds;  // of all those layers, in each step
};

struct KernelBench {
    std::string kernel;
    std::string workload;
    std::vector<ShapeBench> shapes;

    /// For each implementation, in order; none for one that refused everything.
    std::vector<Total> totals() const;
};

/// The kernels that a name stands for. Throws Error naming the ops if there is none.
std::vector<Target> targets_of(std::string_view name, Device device);

/// Times each implementation of the targets (all of one op) that --impl allows, in turn within each step so
/// that a machine's moods hit all alike.
std::vector<KernelBench> bench_targets(const std::vector<Target>& targets, LayerTimer& timer, Device device,
                                       int steps);

/// Chooses the workloads and times. Throws Error where the model does not run the op.
std::vector<KernelBench> bench_op(const OpBenchOptions& options);

}  // namespace vitrine::tools

// bench step --predict: the time of a training step on a GPU that nobody has here, worked out from what its kernels do.
// Never a measurement.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/cost.h"
#include "kernels/dtype.h"
#include "lab/bench/step_bench.h"
#include "lab/common/gpus.h"
#include "lab/predict/launch_time.h"

namespace vitrine::tools {

/// Times in seconds, of one call or the sum of several.
struct PredictedTime {
    double roofline = 0.0;  // the least that bytes and operations take: no kernel can do better
    double best = 0.0;      // of its launches (lab/predict/launch_time.h), if all that they do overlaps,
    double worst = 0.0;     // and if they move and compute in turns
    std::array<double, predict::bounds>
        bound_by{};  // `best`, by what bounds the launches that it is the sum of

    PredictedTime& operator+=(const PredictedTime& other);
    predict::Bound bound() const;  // of most of the time
};

/// Operations over the peak and bytes over what a copy reaches, whichever takes longer. Products over channels are for tensor cores
/// where these take the type; f32 goes without them, and a depthwise convolution has no channels to sum over.
double call_roofline(std::string_view kernel, const Cost& least, const Gpu& gpu, DType precision);

/// All calls of one kernel in a step.
struct KernelPrediction {
    std::string kernel;
    int calls = 0;
    int launches = 0;
    Cost cost;
    PredictedTime time;

    KernelPrediction& operator+=(const KernelPrediction& other);  // the name stays
};

/// All launches of one __global__ function in a step.
struct FunctionPrediction {
    std::string function;  // plain_name of it
    int launches = 0;
    std::array<double, predict::bounds> seconds{};  // that each limit takes by itself, summed
    double best = 0.0;
};

struct StepPrediction {
    int64_t image_size = 0;
    int architecture = 0;                   // whose machine code was read: 80 for 8.0; 0: the build has none
    int unknown_launches = 0;               // whose code was not found
    std::vector<KernelPrediction> kernels;  // the longest first
    KernelPrediction total;
    std::vector<FunctionPrediction> functions;  // the longest first
};

/// A training step on options.predict_for whose input lies there already, as bench_step times it.
StepPrediction predict_step(const StepBenchOptions& options);

}  // namespace vitrine::tools

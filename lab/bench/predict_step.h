// bench step --predict: the time of a training step on a GPU that nobody has here, worked out from what its kernels must
// move and compute. Never a measurement.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/cost.h"
#include "kernels/dtype.h"
#include "lab/bench/step_bench.h"
#include "lab/common/gpus.h"

namespace vitrine::tools {

/// What keeps a kernel from being faster.
enum class Bound { memory, arithmetic, launch };
const char* name_of(Bound bound);

/// Shares of their roofline that kernels reach.
struct Reach {
    double worst, best;
};

/// Of the kinds of kernels, as seen on an H100 in f32 (README.md, "How fast"): passes over memory, batch norm, and products,
/// which are convolutions and linear layers.
Reach reach_of(std::string_view op);

/// From the end of a kernel to the start of the next in a stream, in seconds.
/// Source: NVIDIA's "Getting Started with CUDA Graphs", where kernels of 2.9 us follow each other every 3.8 us on a V100. Quoted from memory,
/// its page could not be reread; of 240 launches it is 0.2 ms.
constexpr double launch_gap = 0.9e-6;

/// What a copy reaches of the bandwidth on a data sheet: an H100's 3.03 of 3.35 TB/s, taken to hold for other GPUs.
constexpr double copied_share = 0.90;

/// Times in seconds, of one call or the sum of several.
struct PredictedTime {
    double roofline = 0.0;  // the least that bytes and operations take: no kernel can do better
    double best = 0.0;   // with the best and the worst share of it that kernels have been seen to reach, and
    double worst = 0.0;  // the gaps between launches
    double bound_by[3] = {0.0};  // `best`, by what bounds the calls that it is the sum of

    PredictedTime& operator+=(const PredictedTime& other);
    Bound bound() const;  // of most of the time
};

/// Of one call of a kernel (as in kernels.def), on its own; one launch.
PredictedTime predict_call(std::string_view kernel, const Cost& cost, const Gpu& gpu, DType precision);

/// All calls of one kernel in a step.
struct KernelPrediction {
    std::string kernel;
    int calls = 0;
    Cost cost;
    PredictedTime time;
};

struct StepPrediction {
    int64_t image_size = 0;
    std::vector<KernelPrediction> kernels;  // the longest first
    KernelPrediction total;
};

/// One call of a step.
struct StepCall {
    std::string kernel;
    Cost least;
};

/// The calls of a training step whose input lies on the device already, as bench_step times it. Runs two steps on the
/// CPU, of 2 and of 4 images: what a call moves and computes is a part for each image and a part for the weights.
std::vector<StepCall> calls_of_step(const StepBenchOptions& options);

/// On options.predict_for.
StepPrediction predict_step(const StepBenchOptions& options);

}  // namespace vitrine::tools

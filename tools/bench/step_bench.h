// bench step: the time of whole training steps, and where it goes.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "kernels/device.h"
#include "tools/bench/cost.h"
#include "tools/bench/peak.h"

namespace vitrine::tools {

struct StepBenchOptions {
    std::string model = "mobilenet_v2";
    Device device = Device::cpu;
    int64_t image_size = 224;
    int64_t batch_size = 32;
    int64_t classes = 1000;
    int steps = 10;
    bool per_op = false;
};

struct OpTime {
    std::string op;
    double forward_seconds = 0.0;  // of one step
    double backward_seconds = 0.0;
    Cost forward, backward;
};

struct StepBenchResult {
    std::vector<double> seconds;  // of each timed step
    Cost cost;                    // of one step
    std::vector<OpTime> ops;      // only with per_op, the longest first
    size_t bytes_held = 0;        // device memory
};

StepBenchResult bench_step(const StepBenchOptions& options);

/// For people, or one JSON object.
std::string format_step(const StepBenchOptions& options, const StepBenchResult& result, const Peak& peak);
std::string format_step_json(const StepBenchOptions& options, const StepBenchResult& result,
                             const Peak& peak);

}  // namespace vitrine::tools

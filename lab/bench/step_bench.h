// bench step: the time of whole training steps, and where it goes.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "kernels/cost.h"
#include "kernels/device.h"
#include "lab/common/gpus.h"
#include "models/models.h"

namespace vitrine::tools {

struct StepBenchOptions {
    std::string model = models::benchmark_model().name;
    Device device = Device::cpu;
    DType precision = DType::f32;
    int64_t image_size = 0;  // 0: what the model was made for
    int64_t batch_size = 32;
    int64_t classes = 1000;
    int steps = 10;
    bool evaluation = false;  // the model's logits alone, in evaluation mode, in place of a training step
    bool per_op = false;      // of training steps
    bool graph = false;       // steps are recorded, and launched at once (engine/step/step_graph.h)
    const Gpu* predict_for =
        nullptr;  // the step's time there is worked out (predict_step.h), and none measured
};

/// All layers of one op, in one step.
struct OpTime {
    std::string op;
    int layers = 0;
    double forward_seconds = 0.0;
    double backward_seconds = 0.0;
    Cost forward, backward;

    double seconds() const { return forward_seconds + backward_seconds; }
};

struct StepBenchResult {
    int64_t image_size = 0;
    bool fused = false;
    std::vector<double> seconds;  // of each timed step
    Cost cost;                    // of one step's kernels
    size_t bytes_held = 0;        // device memory
    uint64_t graph_kernels = 0;   // of a step that is one launch; 0: none is
    std::string graph_problem;    // why none is, where it was asked for

    // Only with per_op: means over as many steps more, in which every op is timed by itself.
    std::vector<OpTime> ops;      // the longest first
    double traced_seconds = 0.0;  // of one step
    double other_seconds = 0.0;   // of it outside of ops and update
};

/// Throws Error if there is no such model, or the images are too small for it.
StepBenchResult bench_step(const StepBenchOptions& options);

}  // namespace vitrine::tools

// bench augment: what augmentation costs, op by op and in whole pipelines, beside a training step.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "kernels/device.h"
#include "models/models.h"

namespace vitrine::tools {

struct AugmentBenchOptions {
    std::string model = models::benchmark_model().name;  // whose step it is compared with
    Device device = Device::cpu;
    int64_t source_size = 64;  // of the images in the data set
    int64_t image_size = 0;    // of those that the network gets; 0: what the model was made for
    int64_t batch_size = 32;
    int64_t classes = 1000;
    int steps = 10;              // how many batches of each are timed
    bool plan_only = false;      // only the drawing of programs
    int64_t programs = 1 << 20;  // how many are drawn of each pipeline
};

/// What a recipe's [transforms] table does.
struct AugmentCase {
    std::string name;
    std::string transforms;  // TOML
};

/// One case, timed in batches.
struct AugmentTime {
    std::string name;
    std::string refused;          // why it did not run; empty if it did
    std::vector<double> seconds;  // of each batch
    double bytes = 0.0;           // of a batch: sources read once, results written once
};

/// The drawing of programs.
struct PlanTime {
    std::string name;
    double seconds_one_thread = 0.0;  // of a program
    double seconds_all_threads = 0.0;
};

struct AugmentBenchResult {
    int64_t image_size = 0;
    // One op, applied to every image, which is as large before as after. 8-bit to 8-bit.
    std::vector<AugmentTime> ops;
    // Drawing, augmentation and normalisation: from the data set to the network's input.
    std::vector<AugmentTime> pipelines;
    std::vector<PlanTime> plans;
    std::vector<double> step_seconds;  // of training steps without any of this
};

/// Pipelines that people train with; the first is no augmentation, only resizing and normalising.
std::vector<AugmentCase> pipeline_cases(int64_t image_size);

AugmentBenchResult bench_augment(const AugmentBenchOptions& options);

}  // namespace vitrine::tools

// bench scale: how many images a second many processes would train on, worked out (scale_model.h) from one process's steps: measured
// here, worked out for a GPU (predict_step.h), or told. Never a measurement.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "lab/bench/scale_model.h"
#include "lab/bench/scale_options.h"

namespace vitrine::tools {

/// Epochs and images that times to train are given for: ILSVRC 2012's training set.
constexpr int64_t imagenet_images = 1'281'167, imagenet_epochs = 300;

/// What a checkpoint is written with: a slow disk's bytes a second, by assumption.
constexpr double written_bandwidth = 200e6;

/// Of a told step: backward does twice forward's products, of its gradients by the input and by the weights.
constexpr double usual_backward_share = 2.0 / 3.0;

/// One way of knowing what a step takes, and what comes of it.
struct ScaleCase {
    std::string source;  // of the steps: "measured here, 20 steps", "worked out for h100, at best"
    Process process;
    ExchangedBytes bytes;
    std::vector<ScaleRow> rows;
};

struct ScaleBenchResult {
    int64_t image_size = 0;
    Reading reading;
    Failures failures;
    std::vector<ScaleCase> cases;  // of a predicted GPU two, the best and the worst; else one
};

/// So many steps of that time in the mean, scattered normally with this deviation (a share of it), and none of them below a tenth.
std::vector<double> scattered(double seconds, double deviation);

/// Throws Error as bench_step does.
ScaleBenchResult bench_scale(const ScaleBenchOptions& options);

}  // namespace vitrine::tools

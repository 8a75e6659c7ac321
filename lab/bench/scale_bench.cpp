// bench scale: see scale_bench.h.

#include "lab/bench/scale_bench.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "engine/random.h"
#include "engine/step/state.h"
#include "lab/bench/peak.h"
#include "lab/bench/predict_step.h"
#include "models/models.h"

namespace vitrine::tools {
namespace {

constexpr uint64_t seed = 1;
constexpr uint64_t scattered_steps = 1000;

/// What a process holds of the model, and what it sends in a step.
struct ModelBytes {
    double values = 0.0, gradients = 0.0, statistics = 0.0;
};

/// Counted, as they are sent, with the gaps between parameters.
ModelBytes bytes_of_model(const StepBenchOptions& options, int64_t image_size) {
    const auto model =
        models::make_model(options.model, {.classes = options.classes, .image_size = image_size},
                           {options.precision, Device::cpu}, /*seed=*/1);
    const FlatState state(model->state());
    const double element = static_cast<double>(state.values().bytes()) / static_cast<double>(state.count());
    const double gradients = element * static_cast<double>(state.trained_count());
    const double values = element * static_cast<double>(state.count());
    return {.values = values, .gradients = gradients, .statistics = values - gradients};
}

std::string scattering(const ScaleBenchOptions& options) {
    return fmt::format("scattered by {:g}%", 100.0 * options.deviation);
}

ScaleCase told(const ScaleBenchOptions& options) {
    std::vector<double> seconds;
    for (const double milliseconds : options.step_milliseconds) seconds.push_back(1e-3 * milliseconds);
    const bool one = seconds.size() == 1;
    if (one) seconds = scattered(seconds.front(), options.deviation);
    return {.source = one ? fmt::format("told, {}", scattering(options)) : "told",
            .process = {.seconds = seconds,
                        .backward_share = usual_backward_share,
                        .images = options.step.batch_size},
            .bytes = {},
            .rows = {}};
}

/// The case in which all that a launch does overlaps, or the one in which it moves and computes in turns.
ScaleCase predicted(const ScaleBenchOptions& options, const StepPrediction& prediction,
                    double PredictedTime::*bound, const char* name) {
    double backward = 0.0;
    for (const KernelPrediction& kernel : prediction.kernels) {
        if (kernel.kernel.ends_with("_backward")) backward += kernel.time.*bound;
    }
    const double step = prediction.total.time.*bound;
    return {.source = fmt::format("worked out for {}, at {}, {}", options.step.predict_for->name, name,
                                  scattering(options)),
            .process = {.seconds = scattered(step, options.deviation),
                        .backward_share = backward / step,
                        .images = options.step.batch_size},
            .bytes = {.add_bandwidth = options.step.predict_for->bandwidth},
            .rows = {}};
}

ScaleCase measured(const ScaleBenchOptions& options) {
    StepBenchOptions step = options.step;
    step.per_op = true;  // for backward's share
    const StepBenchResult result = bench_step(step);
    double backward = 0.0;
    for (const OpTime& op : result.ops) backward += op.backward_seconds;
    return {.source = fmt::format("measured here, {} steps", result.seconds.size()),
            .process = {.seconds = result.seconds,
                        .backward_share = backward / result.traced_seconds,
                        .images = step.batch_size},
            .bytes = {.add_bandwidth = measure_peak(step.device).bandwidth},
            .rows = {}};
}

std::vector<ScaleCase> cases_of(const ScaleBenchOptions& options) {
    if (!options.step_milliseconds.empty()) return {told(options)};
    if (options.step.predict_for == nullptr) return {measured(options)};
    const StepPrediction prediction = predict_step(options.step);
    return {predicted(options, prediction, &PredictedTime::best, "best"),
            predicted(options, prediction, &PredictedTime::worst, "worst")};
}

}  // namespace

std::vector<double> scattered(double seconds, double deviation) {
    std::vector<double> steps(scattered_steps);
    for (uint64_t i = 0; i < scattered_steps; ++i) {
        const double normal = random_normal({.seed = seed, .purpose = RandomPurpose::test}, i);
        steps[i] = std::max(0.1, 1.0 + deviation * normal);
    }
    const double mean = std::accumulate(steps.begin(), steps.end(), 0.0) / scattered_steps;
    for (double& step : steps) step *= seconds / mean;
    return steps;
}

ScaleBenchResult bench_scale(const ScaleBenchOptions& options) {
    ScaleBenchResult result;
    const int64_t own_size = models::model_from_name(options.step.model).image_size;
    result.image_size = options.step.image_size > 0 ? options.step.image_size : own_size;
    const ModelBytes model = bytes_of_model(options.step, result.image_size);
    // As the packed cache has them (data/cache.h), where they are no larger than the network takes them.
    result.reading = {.image_bytes = 3.0 * static_cast<double>(result.image_size * result.image_size),
                      .bandwidth = options.read_bandwidth};
    // Weights and momentum.
    result.failures = {.mean_seconds = 3600.0 * options.failure_hours,
                       .interval_seconds = 60.0 * options.checkpoint_minutes,
                       .write_seconds = (model.values + model.gradients) / written_bandwidth,
                       .restart_seconds = 60.0 * options.restart_minutes};
    result.cases = cases_of(options);
    for (ScaleCase& each : result.cases) {
        each.bytes.gradients = model.gradients;
        each.bytes.statistics = model.statistics;
        each.rows = scale_rows(options.ranks, each.process,
                               {each.bytes, options.network, result.reading, result.failures}, seed + 1);
    }
    return result;
}

}  // namespace vitrine::tools

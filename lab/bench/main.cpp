// bench: how fast a training step, a single op or augmentation is, against what this machine can do at best.

#include <iostream>
#include <optional>

#include "kernels/kernels.h"
#include "kernels/preferred.h"
#include "lab/bench/augment_report.h"
#include "lab/bench/op_report.h"
#include "lab/bench/options.h"
#include "lab/bench/prediction_report.h"
#include "lab/bench/scale_report.h"
#include "lab/bench/step_report.h"
#include "tools/common/autotune_file.h"
#include "tools/common/run_program.h"
#include "tools/common/thread_choice.h"

namespace {

using namespace vitrine;
using tools::BenchOptions;

void run_prediction(const tools::StepBenchOptions& options, bool json) {
    const tools::StepPrediction prediction = tools::predict_step(options);
    std::cout << (json ? tools::format_prediction_json(options, prediction)
                       : tools::format_prediction(options, prediction));
}

void run_step(const BenchOptions& options) {
    if (options.step.predict_for != nullptr) return run_prediction(options.step, options.json);
    const tools::StepBenchResult result = tools::bench_step(options.step);
    const tools::Peak peak = tools::measure_peak(options.step.device);
    std::cout << (options.json ? tools::format_step_json(options.step, result, peak)
                               : tools::format_step(options.step, result, peak));
}

void run_op(const BenchOptions& options) {
    const std::vector<tools::KernelBench> kernels = tools::bench_op(options.op);
    const tools::Peak peak = tools::measure_peak(options.op.device);
    std::cout << (options.json ? tools::format_op_json(options.op, kernels, peak)
                               : tools::format_op(options.op, kernels, peak));
}

void run_augment(const BenchOptions& options) {
    const tools::AugmentBenchResult result = tools::bench_augment(options.augment);
    const tools::Peak peak = tools::measure_peak(options.augment.device);
    std::cout << (options.json ? tools::format_augment_json(options.augment, result, peak)
                               : tools::format_augment(options.augment, result, peak));
}

void run_scale(const BenchOptions& options) {
    const tools::ScaleBenchResult result = tools::bench_scale(options.scale);
    std::cout << (options.json ? tools::format_scale_json(options.scale, result)
                               : tools::format_scale(options.scale, result));
}

int run(const BenchOptions& options) {
    if (options.command == BenchOptions::Command::help) return 0;
    const auto tell = [](const std::string& notice) { tools::tell("bench", notice); };
    tools::choose_threads(options.threads, tell);
    for (const std::string& implementation : options.implementations) {
        force_implementation(options.step.device, implementation);
    }
    start_preferred_libraries(options.step.device);
    std::optional<tools::AutotuneFile> autotune;
    if (!options.autotune.empty()) autotune.emplace(options.autotune, options.step.device, tell);
    if (options.command == BenchOptions::Command::step) run_step(options);
    if (options.command == BenchOptions::Command::op) run_op(options);
    if (options.command == BenchOptions::Command::augment) run_augment(options);
    if (options.command == BenchOptions::Command::scale) run_scale(options);
    if (autotune) {
        for (const std::string& sentence : autotune->summary()) tell(sentence);
    }
    return 0;
}

}  // namespace

int main(int argc, char** argv) {
    return tools::run_program("bench", [&] { return run(tools::parse_bench_options(argc, argv)); });
}

// What bench step --predict prints: see prediction_report.h.

#include "lab/bench/prediction_report.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

namespace vitrine::tools {
namespace {

constexpr const char* assumptions =
    "Assumed: each call is one launch, {:.1f} us after the end of the one before (recalled from NVIDIA's\n"
    "\"Getting Started with CUDA Graphs\" and not looked up again), and the host keeps ahead; launches of "
    "few\n"
    "blocks are as quick as others; peaks are the data sheets', tensor cores' as they are remembered; a "
    "copy\n"
    "reaches {:.0f}% of the bandwidth (an H100's share). \"best\" and \"worst\" are the shares of the "
    "roofline\n"
    "that kernels reached on an H100 in f32, before models were fused: convolutions 14 to 40%, batch norm "
    "31\n"
    "to 44%, other passes over memory 89 to 100%; linear layers are taken for convolutions.\n";

constexpr const char* half_assumption =
    "In 16 bits no kernel has been timed on any GPU: this is what they take if they reach the same shares, "
    "of the "
    "tensor\ncores' peak where these take the type.\n";

bool half_wide(DType precision) { return precision == DType::bf16 || precision == DType::f16; }

std::string row(const KernelPrediction& kernel) {
    const PredictedTime& time = kernel.time;
    const Bound bound = time.bound();
    return fmt::format("  {:<31}{:>6}{:>10.1f}{:>9.1f}{:>12.3f}{:>9.3f}{:>9.3f}  {} {:.0f}%\n", kernel.kernel,
                       kernel.calls, 1e-6 * kernel.cost.bytes(), 1e-9 * kernel.cost.flops,
                       1e3 * time.roofline, 1e3 * time.best, 1e3 * time.worst, name_of(bound),
                       100.0 * time.bound_by[static_cast<size_t>(bound)] / time.best);
}

nlohmann::ordered_json to_json(const KernelPrediction& kernel) {
    return {{"kernel", kernel.kernel},
            {"calls", kernel.calls},
            {"bytes", kernel.cost.bytes()},
            {"flops", kernel.cost.flops},
            {"seconds_roofline", kernel.time.roofline},
            {"seconds_best", kernel.time.best},
            {"seconds_worst", kernel.time.worst},
            {"bound", name_of(kernel.time.bound())}};
}

}  // namespace

std::string format_prediction(const StepBenchOptions& options, const StepPrediction& prediction) {
    const double images = static_cast<double>(options.batch_size);
    const PredictedTime& time = prediction.total.time;
    std::string text = fmt::format(
        "a prediction, not a measurement: a training step of {}, images {}x{}, batch {}, {}, on {}\n\n"
        "  {:<31}{:>6}{:>10}{:>9}{:>12}{:>9}{:>9}  bound by\n",
        options.model, prediction.image_size, prediction.image_size, options.batch_size,
        name_of(options.precision), options.predict_for->name, "kernel", "calls", "MB", "GFLOP",
        "roofline ms", "best ms", "worst ms");
    for (const KernelPrediction& kernel : prediction.kernels) text += row(kernel);
    text += row(prediction.total);
    text += fmt::format("\n  {:.0f} to {:.0f} images/s; the roofline's limit is {:.0f}\n\n",
                        images / time.worst, images / time.best, images / time.roofline);
    text += fmt::format(fmt::runtime(assumptions), 1e6 * launch_gap, 100.0 * copied_share);
    return text + (half_wide(options.precision) ? half_assumption : "");
}

std::string format_prediction_json(const StepBenchOptions& options, const StepPrediction& prediction) {
    nlohmann::ordered_json json{{"what", "prediction"},
                                {"gpu", options.predict_for->name},
                                {"model", options.model},
                                {"image_size", prediction.image_size},
                                {"batch_size", options.batch_size},
                                {"precision", name_of(options.precision)},
                                {"total", to_json(prediction.total)}};
    for (const KernelPrediction& kernel : prediction.kernels) json["kernels"].push_back(to_json(kernel));
    return json.dump() + "\n";
}

}  // namespace vitrine::tools

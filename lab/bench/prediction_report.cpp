// What bench step --predict prints: see prediction_report.h.

#include "lab/bench/prediction_report.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

namespace vitrine::tools {
namespace {

constexpr const char* assumptions =
    "\"roofline\" is the limit of bytes, each once, and of operations. \"best\" and \"worst\" are sums over "
    "launches of what\n"
    "lab/predict/launch_time.h says, if all that a launch does overlaps, and if it moves and computes in "
    "turns, and {:.2f} us for\n"
    "each launch. Counted: requests, sectors, banks and products on the simt device, in two blocks of each "
    "launch, taken for all\n"
    "of them; what a launch's last block does for all is left out. Assumed: the host keeps ahead; operands "
    "come from memory once\n"
    "and else from a cache; a launch moves its share of the call's bytes; peaks are the data sheets'; a copy "
    "reaches {:.0f}% of the\n"
    "bandwidth (an H100's share).\n";

constexpr const char* no_code =
    "This build has no machine code for this GPU: nothing is known of instructions and of waiting, and the "
    "prediction is too good.\n";

std::string code_note(const StepPrediction& prediction) {
    if (prediction.architecture == 0) return no_code;
    return fmt::format(
        "Registers and instructions are those of the code for {}.{}{}.\n", prediction.architecture / 10,
        prediction.architecture % 10,
        prediction.unknown_launches == 0
            ? ""
            : fmt::format(", but for {} launches whose code was not found", prediction.unknown_launches));
}

std::string row(const KernelPrediction& kernel) {
    const PredictedTime& time = kernel.time;
    const predict::Bound bound = time.bound();
    return fmt::format("  {:<31}{:>9}{:>10.1f}{:>9.1f}{:>12.3f}{:>9.3f}{:>9.3f}  {} {:.0f}%\n", kernel.kernel,
                       kernel.launches, 1e-6 * kernel.cost.bytes(), 1e-9 * kernel.cost.flops,
                       1e3 * time.roofline, 1e3 * time.best, 1e3 * time.worst, predict::name_of(bound),
                       100.0 * time.bound_by[static_cast<size_t>(bound)] / time.best);
}

/// Longer names end in dots: of a template's arguments the first ones matter.
std::string shortened(const std::string& name) {
    constexpr size_t longest = 100;
    return name.size() <= longest ? name : name.substr(0, longest) + "...";
}

std::string function_table(const StepPrediction& prediction) {
    std::string text = fmt::format("\n  {:>8}{:>9}", "launches", "best ms");
    for (size_t i = 0; i < predict::bounds; ++i)
        text += fmt::format("{:>9}", predict::name_of(static_cast<predict::Bound>(i)));
    text += "  function\n";
    for (const FunctionPrediction& function : prediction.functions) {
        text += fmt::format("  {:>8}{:>9.3f}", function.launches, 1e3 * function.best);
        for (const double seconds : function.seconds) text += fmt::format("{:>9.3f}", 1e3 * seconds);
        text += "  " + shortened(function.function) + "\n";
    }
    return text;
}

nlohmann::ordered_json to_json(const FunctionPrediction& function) {
    nlohmann::ordered_json json{
        {"function", function.function}, {"launches", function.launches}, {"seconds_best", function.best}};
    for (size_t i = 0; i < predict::bounds; ++i)
        json["seconds"][predict::name_of(static_cast<predict::Bound>(i))] = function.seconds[i];
    return json;
}

nlohmann::ordered_json to_json(const KernelPrediction& kernel) {
    return {{"kernel", kernel.kernel},
            {"calls", kernel.calls},
            {"launches", kernel.launches},
            {"bytes", kernel.cost.bytes()},
            {"flops", kernel.cost.flops},
            {"seconds_roofline", kernel.time.roofline},
            {"seconds_best", kernel.time.best},
            {"seconds_worst", kernel.time.worst},
            {"bound", predict::name_of(kernel.time.bound())}};
}

}  // namespace

std::string format_prediction(const StepBenchOptions& options, const StepPrediction& prediction) {
    const double images = static_cast<double>(options.batch_size);
    const PredictedTime& time = prediction.total.time;
    std::string text = fmt::format(
        "a prediction, not a measurement: a training step of {}, images {}x{}, batch {}, {}, on {}\n\n"
        "  {:<31}{:>9}{:>10}{:>9}{:>12}{:>9}{:>9}  bound by\n",
        options.model, prediction.image_size, prediction.image_size, options.batch_size,
        name_of(options.precision), options.predict_for->name, "kernel", "launches", "MB", "GFLOP",
        "roofline ms", "best ms", "worst ms");
    for (const KernelPrediction& kernel : prediction.kernels) text += row(kernel);
    text += row(prediction.total);
    if (options.per_op) text += function_table(prediction);
    text += fmt::format("\n  {:.0f} to {:.0f} images/s; the roofline's limit is {:.0f}\n\n",
                        images / time.worst, images / time.best, images / time.roofline);
    text += fmt::format(fmt::runtime(assumptions), 1e6 * options.predict_for->launch,
                        100.0 * predict::copied_share);
    return text + code_note(prediction);
}

std::string format_prediction_json(const StepBenchOptions& options, const StepPrediction& prediction) {
    nlohmann::ordered_json json{{"what", "prediction"},
                                {"gpu", options.predict_for->name},
                                {"model", options.model},
                                {"image_size", prediction.image_size},
                                {"batch_size", options.batch_size},
                                {"precision", name_of(options.precision)},
                                {"code_for", prediction.architecture},
                                {"launches_without_code", prediction.unknown_launches},
                                {"total", to_json(prediction.total)}};
    for (const KernelPrediction& kernel : prediction.kernels) json["kernels"].push_back(to_json(kernel));
    for (const FunctionPrediction& function : prediction.functions)
        json["functions"].push_back(to_json(function));
    return json.dump() + "\n";
}

}  // namespace vitrine::tools

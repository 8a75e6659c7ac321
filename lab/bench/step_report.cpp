// What bench step prints: see step_report.h.

#include "lab/bench/step_report.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <string_view>

#include "kernels/threads.h"
#include "lab/bench/roofline.h"
#include "lab/bench/statistics.h"

namespace vitrine::tools {
namespace {

constexpr const char* update_op = "sgd_update";

double percent(double part, double whole) { return 100.0 * part / whole; }

/// Where the time of a step goes.
struct Parts {
    double forward = 0.0, backward = 0.0, update = 0.0, other = 0.0;
};

Parts parts_of(const StepBenchResult& result) {
    Parts parts;
    for (const OpTime& op : result.ops) {
        (op.op == update_op ? parts.update : parts.forward) += op.forward_seconds;
        parts.backward += op.backward_seconds;
    }
    parts.other = result.other_seconds;
    return parts;
}

/// Milliseconds, GFLOP/s and GB/s of one pass; dashes for what does not exist.
std::string pass_columns(double seconds, const Cost& cost) {
    const auto rate = [&](double amount) {
        return amount > 0.0 ? fmt::format("{:.1f}", giga_per_second(amount, seconds)) : "-";
    };
    const std::string time = cost.bytes() > 0.0 ? fmt::format("{:.2f}", 1e3 * seconds) : "-";
    return fmt::format("{:>13}{:>9}{:>8}", time, rate(cost.flops), rate(cost.bytes()));
}

std::string op_table(const StepBenchResult& result) {
    const Parts parts = parts_of(result);
    std::string text = fmt::format(
        "\n  Where the time goes (means over {} steps of {:.1f} ms, every op timed by itself):\n\n"
        "  {:<22}{:>7}{:>13}{:>9}{:>8}{:>13}{:>9}{:>8}{:>9}\n",
        result.seconds.size(), 1e3 * result.traced_seconds, "op", "layers", "forward ms", "GFLOP/s", "GB/s",
        "backward ms", "GFLOP/s", "GB/s", "of step");
    for (const OpTime& op : result.ops) {
        if (op.forward.bytes() + op.backward.bytes() == 0.0) continue;  // a view: no kernel
        text += fmt::format(
            "  {:<22}{:>7}{}{}{:>8.1f}%\n", op.op, op.layers, pass_columns(op.forward_seconds, op.forward),
            pass_columns(op.backward_seconds, op.backward), percent(op.seconds(), result.traced_seconds));
    }
    const auto part = [&](const char* name, double seconds) {
        return fmt::format("{} {:.1f} ms ({:.1f}%)", name, 1e3 * seconds,
                           percent(seconds, result.traced_seconds));
    };
    return text + fmt::format("\n  {}, {}, {}, {}\n", part("forward", parts.forward),
                              part("backward", parts.backward), part("update", parts.update),
                              part("outside of ops", parts.other));
}

/// ", bf16"; of f32, which is usual, not a word.
std::string stored_in(DType precision) {
    return precision == DType::f32 ? "" : fmt::format(", {}", name_of(precision));
}

std::string graph_line(const StepBenchOptions& options, const StepBenchResult& result) {
    if (!options.graph) return "";
    if (!result.graph_problem.empty())
        return fmt::format("  {:<22}none: {}\n", "graph", result.graph_problem);
    return fmt::format("  {:<22}{:>9} kernels in a single launch\n", "graph", result.graph_kernels);
}

}  // namespace

std::string format_step(const StepBenchOptions& options, const StepBenchResult& result, const Peak& peak) {
    const Spread time = spread_of(result.seconds);
    const double images = static_cast<double>(options.batch_size);
    const std::string text = fmt::format(
        "{} of {}, images {}x{}, batch {}{}{}, on {} with {} threads\n\n"
        "  {:<22}{:>9.1f} ms a step  (min {:.1f}, max {:.1f}, {} steps)\n"
        "  {:<22}{:>9.1f} images/s   (min {:.1f}, max {:.1f})\n"
        "  {:<22}{:>9.1f} GFLOP/s    {:.0f}% of the measured peak of {:.1f}\n"
        "  {:<22}{:>9.1f} GB/s       {:.0f}% of the measured peak of {:.1f}\n"
        "  {:<22}{:>9.0f} MB\n",
        options.evaluation ? "evaluations" : "training steps", options.model, result.image_size,
        result.image_size, options.batch_size, stored_in(options.precision), result.fused ? "" : ", unfused",
        name_of(options.device), threads(), "time", 1e3 * time.median, 1e3 * time.minimum, 1e3 * time.maximum,
        result.seconds.size(), "speed", images / time.median, images / time.maximum, images / time.minimum,
        "arithmetic", giga_per_second(result.cost.flops, time.median),
        percent(result.cost.flops / time.median, peak.flops), 1e-9 * peak.flops, "memory traffic, least",
        giga_per_second(result.cost.bytes(), time.median),
        percent(result.cost.bytes() / time.median, peak.bandwidth), 1e-9 * peak.bandwidth, "memory held",
        1e-6 * static_cast<double>(result.bytes_held));
    return text + graph_line(options, result) + (result.ops.empty() ? "" : op_table(result));
}

std::string format_step_json(const StepBenchOptions& options, const StepBenchResult& result,
                             const Peak& peak) {
    const Spread time = spread_of(result.seconds);
    nlohmann::ordered_json json{{"what", options.evaluation ? "evaluation" : "training"},
                                {"model", options.model},
                                {"image_size", result.image_size},
                                {"batch_size", options.batch_size},
                                {"precision", name_of(options.precision)},
                                {"fused", result.fused},
                                {"device", name_of(options.device)},
                                {"threads", threads()},
                                {"steps", result.seconds.size()},
                                {"seconds_median", time.median},
                                {"seconds_min", time.minimum},
                                {"seconds_max", time.maximum},
                                {"images_per_second", static_cast<double>(options.batch_size) / time.median},
                                {"flops", result.cost.flops},
                                {"bytes", result.cost.bytes()},
                                {"gflops", giga_per_second(result.cost.flops, time.median)},
                                {"gbytes_per_second", giga_per_second(result.cost.bytes(), time.median)},
                                {"peak_gflops", 1e-9 * peak.flops},
                                {"peak_gbytes_per_second", 1e-9 * peak.bandwidth},
                                {"graph_kernels", result.graph_kernels},
                                {"device_bytes", result.bytes_held}};
    if (result.ops.empty()) return json.dump() + "\n";
    const Parts parts = parts_of(result);
    json["traced_seconds"] = result.traced_seconds;
    json["forward_seconds"] = parts.forward;
    json["backward_seconds"] = parts.backward;
    json["update_seconds"] = parts.update;
    json["other_seconds"] = parts.other;
    for (const OpTime& op : result.ops) {
        json["ops"].push_back({{"op", op.op},
                               {"layers", op.layers},
                               {"forward_seconds", op.forward_seconds},
                               {"forward_flops", op.forward.flops},
                               {"forward_bytes", op.forward.bytes()},
                               {"backward_seconds", op.backward_seconds},
                               {"backward_flops", op.backward.flops},
                               {"backward_bytes", op.backward.bytes()}});
    }
    return json.dump() + "\n";
}

}  // namespace vitrine::tools

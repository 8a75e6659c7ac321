// What bench op prints: see op_report.h.

#include "lab/bench/op_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string_view>

#include "kernels/threads.h"
#include "lab/bench/roofline.h"
#include "lab/bench/statistics.h"

namespace vitrine::tools {
namespace {

constexpr const char* explanation =
    "ms: median of the steps, (fastest .. slowest) beside it, of one layer; for layers of equal shape their "
    "mean.\n"
    "GFLOP/s counts a multiply-add as two; GB/s counts each operand read once and each result written once.\n"
    "of peak: the shortest time that the peak of the last column allows, over the time it took. Above 100% "
    "the\n"
    "data came from the caches, which are faster than the memory whose peak is measured, or bf16 was "
    "multiplied "
    "by\n"
    "tile registers or tensor cores, which are faster than the multiply-adds of floats whose peak that is.\n";

constexpr const char* all_layers = "all layers of a step";

struct Columns {
    size_t shape = std::string_view(all_layers).size();
    size_t implementation = std::string_view("implementation").size();
};

Columns columns_for(const KernelBench& kernel) {
    Columns columns;
    for (const ShapeBench& shape : kernel.shapes) {
        columns.shape = std::max(columns.shape, shape.shape.size());
        for (const Measurement& one : shape.implementations) {
            columns.implementation = std::max(columns.implementation, one.implementation.size());
        }
    }
    return columns;
}

std::string row_start(const Columns& columns, const std::string& shape, const std::string& layers,
                      const std::string& implementation) {
    return fmt::format("  {:<{}}{:>8}  {:<{}}", shape, columns.shape, layers, implementation,
                       columns.implementation);
}

std::string numbers(const Cost& cost, const std::vector<double>& seconds, const Peak& peak) {
    const Spread time = spread_of(seconds);
    const std::string flops =
        cost.flops > 0.0 ? fmt::format("{:.1f}", giga_per_second(cost.flops, time.median)) : "-";
    return fmt::format("{:>10.3f}  {:<22}{:>9}{:>8.1f}{:>8.0f}%  {}\n", 1e3 * time.median,
                       fmt::format("({:.3f} .. {:.3f})", 1e3 * time.minimum, 1e3 * time.maximum), flops,
                       giga_per_second(cost.bytes(), time.median),
                       100.0 * least_seconds(cost, peak) / time.median, bound_of(cost, peak));
}

std::string header(const Columns& columns) {
    return row_start(columns, "shape", "layers", "implementation") +
           fmt::format("{:>10}  {:<22}{:>9}{:>8}{:>9}  {}\n", "ms", "(min .. max)", "GFLOP/s", "GB/s",
                       "of peak", "limit");
}

std::string shape_rows(const Columns& columns, const ShapeBench& shape, const Peak& peak) {
    std::string text;
    for (const Measurement& one : shape.implementations) {
        const bool first = text.empty();
        text += row_start(columns, first ? shape.shape : "", first ? fmt::format("{}", shape.layers) : "",
                          one.implementation);
        text += one.refused.empty() ? numbers(shape.cost, one.seconds, peak)
                                    : fmt::format("   refused: {}\n", one.refused);
    }
    return text;
}

std::string kernel_table(const KernelBench& kernel, const Peak& peak) {
    const Columns columns = columns_for(kernel);
    std::string text = fmt::format("\n{} in {}\n{}", kernel.kernel, kernel.workload, header(columns));
    for (const ShapeBench& shape : kernel.shapes) text += shape_rows(columns, shape, peak);
    if (kernel.shapes.size() == 1) return text;
    const char* name = all_layers;
    for (const Total& total : kernel.totals()) {
        text += row_start(columns, name, fmt::format("{}", total.layers), total.implementation) +
                numbers(total.cost, total.seconds, peak);
        name = "";
    }
    return text;
}

nlohmann::ordered_json rates(const Cost& cost, const std::vector<double>& seconds, const Peak& peak) {
    const Spread time = spread_of(seconds);
    return {{"seconds_median", time.median},
            {"seconds_min", time.minimum},
            {"seconds_max", time.maximum},
            {"gflops", giga_per_second(cost.flops, time.median)},
            {"gbytes_per_second", giga_per_second(cost.bytes(), time.median)},
            {"share_of_peak", least_seconds(cost, peak) / time.median},
            {"limit", bound_of(cost, peak)}};
}

nlohmann::ordered_json json_of(const ShapeBench& shape, const Peak& peak) {
    nlohmann::ordered_json json{{"shape", shape.shape},
                                {"layers", shape.layers},
                                {"flops", shape.cost.flops},
                                {"bytes", shape.cost.bytes()},
                                {"implementations", nlohmann::ordered_json::array()}};
    for (const Measurement& one : shape.implementations) {
        nlohmann::ordered_json entry{{"name", one.implementation}};
        if (one.refused.empty()) {
            entry.update(rates(shape.cost, one.seconds, peak));
        } else {
            entry["refused"] = one.refused;
        }
        json["implementations"].push_back(std::move(entry));
    }
    return json;
}

nlohmann::ordered_json json_of(const KernelBench& kernel, const Peak& peak) {
    nlohmann::ordered_json json{{"kernel", kernel.kernel},
                                {"workload", kernel.workload},
                                {"shapes", nlohmann::ordered_json::array()},
                                {"totals", nlohmann::ordered_json::array()}};
    for (const ShapeBench& shape : kernel.shapes) json["shapes"].push_back(json_of(shape, peak));
    for (const Total& total : kernel.totals()) {
        nlohmann::ordered_json entry{{"name", total.implementation}, {"layers", total.layers}};
        entry.update(rates(total.cost, total.seconds, peak));
        json["totals"].push_back(std::move(entry));
    }
    return json;
}

}  // namespace

std::string format_op(const OpBenchOptions& options, const std::vector<KernelBench>& kernels,
                      const Peak& peak) {
    std::string text = fmt::format(
        "{} on {} with {} threads, {} steps; measured peaks: {:.1f} GFLOP/s (compute), {:.1f} GB/s "
        "(memory)\n",
        options.op, name_of(options.device), threads(), options.steps, 1e-9 * peak.flops,
        1e-9 * peak.bandwidth);
    for (const KernelBench& kernel : kernels) text += kernel_table(kernel, peak);
    return text + "\n" + explanation;
}

std::string format_op_json(const OpBenchOptions& options, const std::vector<KernelBench>& kernels,
                           const Peak& peak) {
    nlohmann::ordered_json json{{"op", options.op},
                                {"device", name_of(options.device)},
                                {"precision", name_of(options.precision)},
                                {"threads", threads()},
                                {"batch_size", options.batch_size},
                                {"steps", options.steps},
                                {"peak_gflops", 1e-9 * peak.flops},
                                {"peak_gbytes_per_second", 1e-9 * peak.bandwidth},
                                {"kernels", nlohmann::ordered_json::array()}};
    for (const KernelBench& kernel : kernels) json["kernels"].push_back(json_of(kernel, peak));
    return json.dump() + "\n";
}

}  // namespace vitrine::tools

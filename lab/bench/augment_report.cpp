// What bench augment prints: see augment_report.h.

#include "lab/bench/augment_report.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "kernels/threads.h"
#include "lab/bench/roofline.h"
#include "lab/bench/statistics.h"

namespace vitrine::tools {
namespace {

constexpr const char* explanation =
    "ms: median of the batches. MB: sources read once and results written once; GB/s and the share of the\n"
    "memory's bandwidth follow from them. of step: beside one training step without augmentation.\n";

constexpr double long_run = 200.0 * 100'000.0;  // programs

double step_share(const AugmentBenchResult& result, double seconds) {
    return result.step_seconds.empty() ? 0.0 : seconds / spread_of(result.step_seconds).median;
}

std::string plan_table(const AugmentBenchResult& result) {
    std::string text = fmt::format("\n  {:<36}{:>16}{:>16}{:>26}\n", "drawing programs", "ns, one thread",
                                   "ns, all threads", "200 x 100,000 programs, s");
    for (const PlanTime& plan : result.plans)
        text += fmt::format("  {:<36}{:>16.0f}{:>16.0f}{:>26.1f}\n", plan.name, 1e9 * plan.seconds_one_thread,
                            1e9 * plan.seconds_all_threads, long_run * plan.seconds_all_threads);
    return text;
}

std::string time_table(const char* title, const std::vector<AugmentTime>& times,
                       const AugmentBenchOptions& options, const AugmentBenchResult& result,
                       const Peak& peak) {
    std::string text = fmt::format("\n  {:<36}{:>10}{:>18}{:>11}{:>9}{:>8}{:>11}{:>10}\n", title, "ms",
                                   "(min .. max)", "images/s", "MB", "GB/s", "bandwidth", "of step");
    for (const AugmentTime& one : times) {
        if (!one.refused.empty()) {
            text += fmt::format("  {:<36}  refused: {}\n", one.name, one.refused);
            continue;
        }
        const Spread time = spread_of(one.seconds);
        text += fmt::format(
            "  {:<36}{:>10.3f}{:>18}{:>11.0f}{:>9.1f}{:>8.2f}{:>10.1f}%{:>9.2f}%\n", one.name,
            1e3 * time.median, fmt::format("({:.2f} .. {:.2f})", 1e3 * time.minimum, 1e3 * time.maximum),
            static_cast<double>(options.batch_size) / time.median, 1e-6 * one.bytes,
            giga_per_second(one.bytes, time.median), 100.0 * one.bytes / time.median / peak.bandwidth,
            100.0 * step_share(result, time.median));
    }
    return text;
}

nlohmann::ordered_json json_of(const std::vector<AugmentTime>& times, const AugmentBenchOptions& options,
                               const AugmentBenchResult& result, const Peak& peak) {
    auto list = nlohmann::ordered_json::array();
    for (const AugmentTime& one : times) {
        nlohmann::ordered_json entry{{"name", one.name}};
        if (!one.refused.empty()) {
            entry["refused"] = one.refused;
        } else {
            const Spread time = spread_of(one.seconds);
            entry["seconds_median"] = time.median;
            entry["seconds_min"] = time.minimum;
            entry["seconds_max"] = time.maximum;
            entry["images_per_second"] = static_cast<double>(options.batch_size) / time.median;
            entry["bytes"] = one.bytes;
            entry["share_of_bandwidth"] = one.bytes / time.median / peak.bandwidth;
            entry["share_of_step"] = step_share(result, time.median);
        }
        list.push_back(std::move(entry));
    }
    return list;
}

}  // namespace

std::string format_augment(const AugmentBenchOptions& options, const AugmentBenchResult& result,
                           const Peak& peak) {
    std::string text = fmt::format(
        "augmentation on {} with {} threads, {}x{} to {}x{}, batches of {}; measured memory bandwidth {:.1f} "
        "GB/s\n",
        name_of(options.device), threads(), options.source_size, options.source_size, result.image_size,
        result.image_size, options.batch_size, 1e-9 * peak.bandwidth);
    text += plan_table(result);
    if (options.plan_only) return text;
    text += time_table("pipelines, data set to network", result.pipelines, options, result, peak);
    text += time_table("ops, without resizing", result.ops, options, result, peak);
    const Spread step = spread_of(result.step_seconds);
    return text + fmt::format("\n  a training step of {} takes {:.0f} ms (min {:.0f}, max {:.0f})\n\n{}",
                              options.model, 1e3 * step.median, 1e3 * step.minimum, 1e3 * step.maximum,
                              explanation);
}

std::string format_augment_json(const AugmentBenchOptions& options, const AugmentBenchResult& result,
                                const Peak& peak) {
    nlohmann::ordered_json json{
        {"device", name_of(options.device)},       {"threads", threads()},
        {"source_size", options.source_size},      {"image_size", result.image_size},
        {"batch_size", options.batch_size},        {"peak_gbytes_per_second", 1e-9 * peak.bandwidth},
        {"plans", nlohmann::ordered_json::array()}};
    for (const PlanTime& plan : result.plans)
        json["plans"].push_back({{"name", plan.name},
                                 {"seconds_one_thread", plan.seconds_one_thread},
                                 {"seconds_all_threads", plan.seconds_all_threads}});
    if (options.plan_only) return json.dump() + "\n";
    json["pipelines"] = json_of(result.pipelines, options, result, peak);
    json["ops"] = json_of(result.ops, options, result, peak);
    json["model"] = options.model;
    json["step_seconds_median"] = spread_of(result.step_seconds).median;
    return json.dump() + "\n";
}

}  // namespace vitrine::tools

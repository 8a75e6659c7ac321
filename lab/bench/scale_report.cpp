// What bench scale prints: see scale_report.h.

#include "lab/bench/scale_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <nlohmann/json.hpp>
#include <numeric>

#include "engine/step/scalars.h"
#include "lab/bench/statistics.h"
#include "tools/common/units.h"

namespace vitrine::tools {
namespace {

constexpr std::array<int64_t, 3> shown_sizes{8, 64, 512};

constexpr const char* assumptions =
    "Assumed: all processes are alike, each with a way of its own to and from the network and {:g} MB/s of "
    "images;\n"
    "the times of their steps are drawn independently, so that none is slow for long; gradients are added at "
    "the\n"
    "memory's bandwidth, and in no time where steps are told; validation costs nothing. \"today\" is what "
    "train "
    "does:\n"
    "gradients go up a tree and to all, at best, in {} ranges while backward goes on; statistics behind it. "
    "What "
    "\"could\n"
    "be\" is not there: each range is added up in halves, and put together again. "
    "Failures come to each process by itself, every {:g} "
    "hours,\n"
    "and end all of them (while Llama 3 was trained it was 50,677 hours of a GPU); a checkpoint every {:g} "
    "minutes\n"
    "takes {:.2g} s, to begin again {:g} minutes (Daly 2006). A batch grows with the processes, and how well "
    "it\n"
    "teaches is not in here: beyond 8,192 images ResNet-50 lost accuracy on ImageNet (Goyal and others "
    "2017).\n";

double mean_of(const std::vector<double>& values) {
    return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

std::string columns(const ScaleTimes& times) {
    std::string text = fmt::format("{:>10.0f}", times.images_per_second);
    for (const double share : {times.efficiency, times.waiting, times.sending, times.reading, times.failures})
        text += fmt::format("{:>8.1f}%", 100.0 * share);
    return text;
}

std::string table(const std::vector<ScaleRow>& rows) {
    constexpr const char* names = "  images/s   effic.  waiting  sending  reading failures";
    std::string text = fmt::format("  {:>5}  {:<56} {}\n  {:>5}{} {}\n", "", "today", "as it could be",
                                   "ranks", names, names);
    for (const ScaleRow& row : rows)
        text += fmt::format("  {:>5}{} {}\n", row.ranks, columns(row.today), columns(row.could_be));
    return text;
}

std::string time_to_train(const ScaleTimes& times) {
    const double seconds = training_seconds(times, imagenet_images, imagenet_epochs);
    if (!std::isfinite(seconds)) return "for ever";
    if (seconds < 3600.0) return fmt::format("{:.1f} minutes", seconds / 60.0);
    if (seconds < 2.0 * 86400.0) return fmt::format("{:.1f} hours", seconds / 3600.0);
    return fmt::format("{:.1f} days", seconds / 86400.0);
}

/// Of the sizes that people plan with, those that have a row.
template <class Line>
std::string lines_of_shown(const std::vector<ScaleRow>& rows, Line line) {
    std::string text;
    for (const int64_t size : shown_sizes) {
        const auto row = std::ranges::find(rows, size, &ScaleRow::ranks);
        if (row != rows.end()) text += line(*row);
    }
    return text;
}

std::string summary(const ScaleCase& each, const Failures& failures) {
    return lines_of_shown(each.rows, [&](const ScaleRow& row) {
        return fmt::format(
            "  {:>5} processes, batches of {}: ImageNet, {} epochs, in {} today, {} as it could be;\n"
            "        breaks first: {} today, {} as it could be; a checkpoint every {:.3g} minutes loses "
            "least\n",
            row.ranks, grouped(row.ranks * each.process.images), imagenet_epochs, time_to_train(row.today),
            time_to_train(row.could_be), row.today.breaks_first(), row.could_be.breaks_first(),
            best_interval(row.ranks, failures) / 60.0);
    });
}

std::string case_text(const ScaleCase& each, const Failures& failures) {
    const Process& process = each.process;
    const Spread spread = spread_of(process.seconds);
    const std::string below = summary(each, failures);
    return fmt::format(
        "  a process's step      {:.1f} ms (min {:.1f}, max {:.1f}), {:.0f}% of it backward; {}\n\n{}{}{}\n",
        1e3 * mean_of(process.seconds), 1e3 * spread.minimum, 1e3 * spread.maximum,
        100.0 * process.backward_share, each.source, table(each.rows), below.empty() ? "" : "\n", below);
}

/// What train would refuse of these rows.
std::string limits_text(const ScaleBenchOptions& options) {
    std::string text;
    if (options.ranks.back() > StepScalars::capacity)
        text += fmt::format("More than {} processes are refused today, as a batch has no more shards.\n",
                            StepScalars::capacity);
    if (options.step.predict_for != nullptr)
        text +=
            "Gradients are taken to go from GPU to GPU, which nobody has timed yet: through the host's "
            "memory, "
            "as without NCCL, they take longer.\n";
    return text;
}

nlohmann::ordered_json to_json(const ScaleTimes& times) {
    return {{"step_seconds", times.step_seconds},
            {"images_per_second", times.images_per_second},
            {"efficiency", times.efficiency},
            {"waiting", times.waiting},
            {"sending", times.sending},
            {"reading", times.reading},
            {"failures", times.failures},
            {"breaks_first", times.breaks_first()},
            {"imagenet_days", training_seconds(times, imagenet_images, imagenet_epochs) / 86400.0}};
}

nlohmann::ordered_json to_json(const ScaleCase& each, const Failures& failures) {
    nlohmann::ordered_json json{{"source", each.source},
                                {"step_seconds_mean", mean_of(each.process.seconds)},
                                {"step_seconds_max", spread_of(each.process.seconds).maximum},
                                {"backward_share", each.process.backward_share}};
    for (const ScaleRow& row : each.rows) {
        json["rows"].push_back({{"ranks", row.ranks},
                                {"today", to_json(row.today)},
                                {"could_be", to_json(row.could_be)},
                                {"best_checkpoint_minutes", best_interval(row.ranks, failures) / 60.0}});
    }
    return json;
}

}  // namespace

std::string format_scale(const ScaleBenchOptions& options, const ScaleBenchResult& result) {
    const ExchangedBytes& bytes = result.cases.front().bytes;
    std::string text = fmt::format(
        "a prediction, not a measurement: training of {}, images {}x{}, {} of them on each process, {}\n\n"
        "  sent in a step        gradients {}, running statistics {}\n"
        "  network               {}/s, and {:g} us a message\n",
        options.step.model, result.image_size, result.image_size, options.step.batch_size,
        name_of(options.step.precision), bytes_text(static_cast<int64_t>(bytes.gradients)),
        bytes_text(static_cast<int64_t>(bytes.statistics)),
        bytes_text(static_cast<int64_t>(options.network.bandwidth)), 1e6 * options.network.latency);
    for (const ScaleCase& each : result.cases) text += case_text(each, result.failures);
    return text + limits_text(options) +
           fmt::format(fmt::runtime(assumptions), 1e-6 * options.read_bandwidth, ranges,
                       options.failure_hours, options.checkpoint_minutes, result.failures.write_seconds,
                       options.restart_minutes);
}

std::string format_scale_json(const ScaleBenchOptions& options, const ScaleBenchResult& result) {
    const ExchangedBytes& bytes = result.cases.front().bytes;
    nlohmann::ordered_json json{{"what", "prediction"},
                                {"model", options.step.model},
                                {"image_size", result.image_size},
                                {"batch_size", options.step.batch_size},
                                {"precision", name_of(options.step.precision)},
                                {"gradient_bytes", bytes.gradients},
                                {"statistics_bytes", bytes.statistics},
                                {"bytes_per_second", options.network.bandwidth},
                                {"latency_seconds", options.network.latency},
                                {"read_bytes_per_second", options.read_bandwidth},
                                {"failure_hours", options.failure_hours},
                                {"most_shards_today", StepScalars::capacity}};
    for (const ScaleCase& each : result.cases) json["cases"].push_back(to_json(each, result.failures));
    return json.dump() + "\n";
}

}  // namespace vitrine::tools

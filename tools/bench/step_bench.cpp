// bench step: see step_bench.h.

#include "tools/bench/step_bench.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <nlohmann/json.hpp>

#include "engine/memory.h"
#include "engine/random.h"
#include "engine/trace.h"
#include "kernels/threads.h"
#include "models/models.h"
#include "tools/bench/statistics.h"
#include "tools/common/training_step.h"

namespace vitrine::tools {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_between(Clock::time_point start, Clock::time_point end) {
    return std::chrono::duration<double>(end - start).count();
}

/// Attributes the time since the last event to the op that has just ended.
class OpTimer {
  public:
    void start_step() { last_ = Clock::now(); }

    void operator()(const OpEvent& event) {
        OpTime& time = times_[event.op];
        time.op = event.op;
        const auto now = Clock::now();
        (event.pass == Pass::forward ? time.forward_seconds : time.backward_seconds) +=
            seconds_between(last_, now);
        if (event.pass == Pass::forward) {
            time.forward += forward_cost(event);
            time.backward += backward_cost(event);
        }
        last_ = Clock::now();
    }

    std::vector<OpTime> times(int steps) const {
        std::vector<OpTime> sorted;
        for (const auto& [op, total] : times_) {
            OpTime one = total;
            for (double* value : {&one.forward_seconds, &one.backward_seconds, &one.forward.flops,
                                  &one.forward.bytes, &one.backward.flops, &one.backward.bytes}) {
                *value /= steps;
            }
            sorted.push_back(one);
        }
        std::ranges::sort(sorted, std::greater{},
                          [](const OpTime& time) { return time.forward_seconds + time.backward_seconds; });
        return sorted;
    }

  private:
    std::map<std::string, OpTime> times_;
    Clock::time_point last_ = Clock::now();
};

struct RandomBatch {
    std::vector<uint8_t> images;
    std::vector<int32_t> labels;

    explicit RandomBatch(const StepBenchOptions& options)
        : images(static_cast<size_t>(options.batch_size * options.image_size * options.image_size * 3)),
          labels(static_cast<size_t>(options.batch_size)) {
        const RandomKey key{.seed = 1, .purpose = RandomPurpose::test};
        for (size_t i = 0; i < images.size(); ++i) images[i] = static_cast<uint8_t>(random_word(key, i));
        for (size_t i = 0; i < labels.size(); ++i) {
            labels[i] = static_cast<int32_t>(i % static_cast<size_t>(options.classes));
        }
    }
};

std::string percent(double part, double whole) { return fmt::format("{:.0f}%", 100.0 * part / whole); }

}  // namespace

StepBenchResult bench_step(const StepBenchOptions& options) {
    const Placement placement{DType::f32, options.device};
    const auto model = models::make_model(
        options.model, {.classes = options.classes, .image_size = options.image_size}, placement, /*seed=*/1);
    TrainingStep step(*model, placement, {}, {.momentum = 0.9, .weight_decay = 1e-4},
                      /*label_smoothing=*/0.0);
    const RandomBatch random(options);
    const HostBatch batch{random.images, random.labels, options.image_size};
    uint32_t steps_done = 0;
    const auto run = [&] { step.train(batch, /*learning_rate=*/0.001, /*seed=*/1, steps_done++); };

    StepBenchResult result;
    {
        const Trace trace([&](const OpEvent& event) {
            if (event.pass == Pass::backward) return;
            result.cost += forward_cost(event);
            result.cost += backward_cost(event);
        });
        run();
    }
    run();
    for (int i = 0; i < options.steps; ++i) {
        const auto start = Clock::now();
        run();
        result.seconds.push_back(seconds_between(start, Clock::now()));
    }
    if (options.per_op) {
        OpTimer timer;
        const Trace trace([&](const OpEvent& event) { timer(event); });
        for (int i = 0; i < options.steps; ++i) {
            timer.start_step();
            run();
        }
        result.ops = timer.times(options.steps);
    }
    result.bytes_held = memory_statistics(options.device).bytes_held;
    return result;
}

std::string format_step(const StepBenchOptions& options, const StepBenchResult& result, const Peak& peak) {
    const Spread time = spread_of(result.seconds);
    const double images = static_cast<double>(options.batch_size);
    std::string text = fmt::format(
        "{} at {}, batch {}, {} on {} threads\n"
        "  {:.1f} ms a step (min {:.1f}, max {:.1f}, {} steps), {:.1f} images/s\n"
        "  {:.1f} GFLOP/s, {} of the measured peak of {:.1f}\n"
        "  {:.1f} GB/s at least, {} of the measured {:.1f}\n"
        "  {:.0f} MB of device memory\n",
        options.model, options.image_size, options.batch_size, name_of(options.device), threads(),
        1e3 * time.median, 1e3 * time.minimum, 1e3 * time.maximum, result.seconds.size(),
        images / time.median, 1e-9 * result.cost.flops / time.median,
        percent(result.cost.flops / time.median, peak.flops), 1e-9 * peak.flops,
        1e-9 * result.cost.bytes / time.median, percent(result.cost.bytes / time.median, peak.bandwidth),
        1e-9 * peak.bandwidth, 1e-6 * static_cast<double>(result.bytes_held));
    if (result.ops.empty()) return text;
    text += fmt::format("  {:<24}{:>11}{:>9}{:>8}{:>13}{:>9}{:>8}\n", "op", "forward ms", "GFLOP/s", "GB/s",
                        "backward ms", "GFLOP/s", "GB/s");
    for (const OpTime& op : result.ops) {
        const auto rate = [](double amount, double seconds) {
            return seconds > 0.0 ? 1e-9 * amount / seconds : 0.0;
        };
        text += fmt::format("  {:<24}{:>11.2f}{:>9.1f}{:>8.1f}{:>13.2f}{:>9.1f}{:>8.1f}\n", op.op,
                            1e3 * op.forward_seconds, rate(op.forward.flops, op.forward_seconds),
                            rate(op.forward.bytes, op.forward_seconds), 1e3 * op.backward_seconds,
                            rate(op.backward.flops, op.backward_seconds),
                            rate(op.backward.bytes, op.backward_seconds));
    }
    return text;
}

std::string format_step_json(const StepBenchOptions& options, const StepBenchResult& result,
                             const Peak& peak) {
    const Spread time = spread_of(result.seconds);
    nlohmann::ordered_json json{{"model", options.model},
                                {"image_size", options.image_size},
                                {"batch_size", options.batch_size},
                                {"device", name_of(options.device)},
                                {"threads", threads()},
                                {"steps", result.seconds.size()},
                                {"seconds_median", time.median},
                                {"seconds_min", time.minimum},
                                {"seconds_max", time.maximum},
                                {"images_per_second", static_cast<double>(options.batch_size) / time.median},
                                {"gflops", 1e-9 * result.cost.flops / time.median},
                                {"gbytes_per_second", 1e-9 * result.cost.bytes / time.median},
                                {"peak_gflops", 1e-9 * peak.flops},
                                {"peak_gbytes_per_second", 1e-9 * peak.bandwidth},
                                {"device_bytes", result.bytes_held}};
    for (const OpTime& op : result.ops) {
        json["ops"].push_back({{"op", op.op},
                               {"forward_seconds", op.forward_seconds},
                               {"forward_flops", op.forward.flops},
                               {"forward_bytes", op.forward.bytes},
                               {"backward_seconds", op.backward_seconds},
                               {"backward_flops", op.backward.flops},
                               {"backward_bytes", op.backward.bytes}});
    }
    return json.dump() + "\n";
}

}  // namespace vitrine::tools

// bench step: see step_bench.h.

#include "lab/bench/step_bench.h"

#include <algorithm>
#include <chrono>
#include <functional>
#include <map>

#include "engine/memory.h"
#include "engine/step/evaluate.h"
#include "engine/step/step.h"
#include "engine/step/step_graph.h"
#include "lab/common/device_clock.h"
#include "lab/common/random_batch.h"
#include "lab/common/workloads.h"
#include "models/models.h"
#include "tools/common/host_batch.h"

namespace vitrine::tools {
namespace {

using Clock = std::chrono::steady_clock;

/// Steps with nobody looking on, on a batch that lies on the device already: each from an idle device until
/// it has done all. The first one allocates, and has no momentum to read.
void time_steps(const StepBenchOptions& options, StepBenchResult& result, const std::function<void()>& step) {
    DeviceClock clock(options.device);
    step();
    {
        const CallObserver observer([&](const KernelCall& call) { result.cost += call.least; });
        step();
    }
    if (options.graph) step();  // which is recorded
    for (int i = 0; i < options.steps; ++i) {
        const auto start = Clock::now();
        step();
        clock.wait();
        result.seconds.push_back(std::chrono::duration<double>(Clock::now() - start).count());
    }
    result.bytes_held = memory_statistics(options.device).bytes_held;
}

/// tests/peers/torch_step.py times the same.
void time_whole_steps(const StepBenchOptions& options, StepBenchResult& result) {
    const Placement placement{options.precision, options.device};
    const auto model = models::make_model(
        options.model, {.classes = options.classes, .image_size = result.image_size}, placement, /*seed=*/1);
    result.fused = model->fused();
    const RandomBatch random(options.batch_size, result.image_size, options.classes);
    const NetworkInput input = upload({random.images, random.labels, result.image_size}, {}, placement);
    if (options.evaluation) return time_steps(options, result, [&] { logits_of(*model, input.images); });
    TrainingStep step(*model, {.momentum = 0.9, .weight_decay = 1e-4},
                      /*label_smoothing=*/0.0);
    StepGraph graph(step);
    uint32_t steps_done = 0;
    const auto one_step = [&] {
        const UpdateOptions update{.learning_rate = 0.001};
        if (options.graph) {
            graph.run(input, /*seed=*/1, steps_done++, update);
        } else {
            step.accumulate(input, /*seed=*/1, steps_done++);
            step.update(update);
        }
        step.read();
    };
    time_steps(options, result, one_step);
    result.graph_kernels = graph.counts().kernels;
    if (options.graph) result.graph_problem = graph.problem();
}

std::vector<OpTime> layers_by_op(const std::vector<Layer>& layers) {
    std::map<std::string, OpTime> by_op;
    for (const Layer& layer : layers) {
        OpTime& time = by_op[layer.op];
        time.op = layer.op;
        ++time.layers;
        time.forward += layer.forward.cost;
        time.backward += layer.backward.cost;
    }
    std::vector<OpTime> ops;
    for (const auto& [name, time] : by_op) ops.push_back(time);
    return ops;
}

void time_ops(const StepBenchOptions& options, StepBenchResult& result) {
    LayerTimer timer(model_workload(options.model, {.device = options.device,
                                                    .precision = options.precision,
                                                    .image_size = result.image_size,
                                                    .batch_size = options.batch_size,
                                                    .classes = options.classes}));
    timer.run();
    result.ops = layers_by_op(timer.layers());
    for (int i = 0; i < options.steps; ++i) {
        const StepTimes times = timer.run();
        result.traced_seconds += times.seconds / options.steps;
        for (size_t layer = 0; layer < timer.layers().size(); ++layer) {
            OpTime& op = *std::ranges::find(result.ops, timer.layers()[layer].op, &OpTime::op);
            op.forward_seconds += times.forward[layer] / options.steps;
            op.backward_seconds += times.backward[layer] / options.steps;
        }
    }
    result.other_seconds = result.traced_seconds;
    for (const OpTime& op : result.ops) result.other_seconds -= op.seconds();
    std::ranges::sort(result.ops, std::greater{}, &OpTime::seconds);
}

}  // namespace

StepBenchResult bench_step(const StepBenchOptions& options) {
    StepBenchResult result;
    const int64_t own_size = models::model_from_name(options.model).image_size;
    result.image_size = options.image_size > 0 ? options.image_size : own_size;
    time_whole_steps(options, result);
    if (options.per_op) time_ops(options, result);
    return result;
}

}  // namespace vitrine::tools

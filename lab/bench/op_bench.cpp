// bench op: see op_bench.h.

#include "lab/bench/op_bench.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <utility>

#include "engine/fusion.h"
#include "kernels/kernels.h"
#include "lab/bench/candidate.h"
#include "lab/common/kernel_name.h"
#include "models/models.h"

namespace vitrine::tools {
namespace {

using Candidates = std::vector<std::unique_ptr<Candidate>>;

/// All implementations that any of the targets has.
Candidates candidates(const std::vector<Target>& targets, LayerTimer& timer, Device device) {
    Candidates all;
    std::set<std::string> known;
    for (const Target& target : targets) {
        for (const std::string& name : implementations_of(device, target.kernel)) {
            if (known.insert(name).second)
                all.push_back(std::make_unique<Candidate>(name, targets, timer, device));
        }
    }
    return all;
}

Measurement measurement(const Candidate& candidate, const std::vector<size_t>& layers, const Layer& layer,
                        Pass pass) {
    Measurement result{candidate.implementation(), candidate.refusal(layer.shape, pass), {}};
    if (!result.refused.empty()) return result;
    for (const StepTimes& times : candidate.steps()) {
        double sum = 0.0;
        for (const size_t index : layers) sum += times.of(index, pass);
        result.seconds.push_back(sum / static_cast<double>(layers.size()));
    }
    return result;
}

/// The layers of a target, those of equal shape together, in order of appearance.
std::vector<std::vector<size_t>> layers_by_shape(const Target& target, const std::vector<Layer>& layers) {
    std::vector<std::vector<size_t>> groups;
    std::map<std::string, size_t> group_of;
    for (size_t i = 0; i < layers.size(); ++i) {
        if (layers[i].of(target.pass).kernel != target.kernel) continue;
        const auto [found, is_new] = group_of.try_emplace(layers[i].shape, groups.size());
        if (is_new) groups.emplace_back();
        groups[found->second].push_back(i);
    }
    return groups;
}

bool runs(const LayerTimer& timer, const Target& target) {
    return !layers_by_shape(target, timer.layers()).empty();
}

Cost scaled(const Cost& cost, double factor) {
    return {factor * cost.bytes_read, factor * cost.bytes_written, factor * cost.flops};
}

/// Of equal layers the costs may differ: a gradient that another op has begun is read, too.
Cost mean_cost(const std::vector<size_t>& indices, const std::vector<Layer>& layers, Pass pass) {
    Cost sum;
    for (const size_t index : indices) sum += layers[index].of(pass).cost;
    return scaled(sum, 1.0 / static_cast<double>(indices.size()));
}

WorkloadOptions workload_options(const OpBenchOptions& options, int64_t own_image_size) {
    return {.device = options.device,
            .precision = options.precision,
            .image_size = options.image_size > 0 ? options.image_size : own_image_size,
            .batch_size = options.batch_size,
            .classes = options.classes};
}

using MakeWorkload = Workload (*)(const WorkloadOptions&);

/// Of a kernel that no model launches; null for the others.
MakeWorkload own_workload(std::string_view kernel) {
    if (kernel == "add_backward") return add_backward_workload;  // models hand add's gradient on
    if (kernel == "l2_norm" || kernel == "ema_update" || kernel == "decide_update") return optimiser_workload;
    if (kernel.starts_with("merge_moments") || kernel.starts_with("normalize")) return shards_workload;
    if (kernel.starts_with("expanded_conv_") || kernel.starts_with("expansion_moments_"))
        return expansion_workload;
    if (kernel == "augment_images") return augment_workload;
    return nullptr;
}

/// Those that may be trained, in the order in which they are tried: the one that all figures are told of comes first.
std::vector<std::string> models_to_try(const OpBenchOptions& options) {
    if (!options.model.empty()) return {options.model};
    std::vector<std::string> models = models::model_names();
    std::ranges::stable_partition(
        models, [](const std::string& model) { return model == models::benchmark_model().name; });
    return models;
}

/// As --fusion says; without it, what is usual comes first.
std::vector<bool> fusions_to_try(Device device) {
    const bool usual = fuses(device);
    return chosen_fusion() == Fusion::automatic ? std::vector{usual, !usual} : std::vector{usual};
}

/// Tried with few images, for the sake of time.
bool training_runs(const std::string& model, bool fused, int64_t image_size, const Target& target,
                   const OpBenchOptions& options) {
    const LayerTimer timer(model_workload(model, {.device = options.device,
                                                  .image_size = image_size,
                                                  .batch_size = 2,
                                                  .classes = options.classes,
                                                  .fused = fused}));
    return runs(timer, target);
}

std::optional<Workload> workload_that_runs(const Target& target, const OpBenchOptions& options) {
    constexpr int64_t usual_image_size = 224;
    const MakeWorkload own = own_workload(target.kernel);
    if (own != nullptr && options.model.empty()) return own(workload_options(options, usual_image_size));
    for (const std::string& model : models_to_try(options)) {
        for (const bool fused : fusions_to_try(options.device)) {
            WorkloadOptions full = workload_options(options, models::model_from_name(model).image_size);
            full.fused = fused;
            // What models launch they launch for small images, too, but for expansions, which pay where rows are long.
            const int64_t image_size = own == nullptr ? 32 : full.image_size;
            if (!training_runs(model, fused, image_size, target, options)) continue;
            return model_workload(model, full);
        }
    }
    return std::nullopt;
}

Error nothing_runs(const OpBenchOptions& options) {
    std::string flags = options.model.empty() ? "" : "--model " + options.model;
    if (chosen_fusion() != Fusion::automatic)
        flags += fmt::format("{}--fusion {}", flags.empty() ? "" : " ", name_of(chosen_fusion()));
    return Error(fmt::format("training with {} launches no {}: leave that out for a workload that does",
                             flags, options.op));
}

}  // namespace

std::vector<Total> KernelBench::totals() const {
    std::vector<Total> all;
    for (const Measurement& first : shapes.front().implementations) {
        Total total{.implementation = first.implementation, .layers = 0, .cost = {}, .seconds = {}};
        const size_t place = static_cast<size_t>(&first - shapes.front().implementations.data());
        for (const ShapeBench& shape : shapes) {
            const Measurement& one = shape.implementations[place];
            if (!one.refused.empty()) continue;
            total.layers += shape.layers;
            total.cost += scaled(shape.cost, shape.layers);
            total.seconds.resize(one.seconds.size());
            for (size_t step = 0; step < one.seconds.size(); ++step) {
                total.seconds[step] += one.seconds[step] * shape.layers;
            }
        }
        if (total.layers > 0) all.push_back(std::move(total));
    }
    return all;
}

std::vector<Target> targets_of(std::string_view name, Device device) {
    std::vector<Target> targets;
    std::string known;
    std::string last;
    for_each_kernel(device, [&](const auto& kernel) {
        const auto [op, pass] = parts_of(kernel->name());
        if (op != last) known += fmt::format("{}{}", known.empty() ? "" : ", ", op);
        last = op;
        if (name == op || name == kernel->name()) targets.push_back({kernel->name(), pass});
    });
    if (targets.empty()) throw Error(fmt::format("unknown op '{}': choose one of {}", name, known));
    return targets;
}

std::vector<KernelBench> bench_targets(const std::vector<Target>& targets, LayerTimer& timer, Device device,
                                       int steps) {
    const Candidates all = candidates(targets, timer, device);
    for (const auto& candidate : all) candidate->warm_up();
    for (int i = 0; i < steps; ++i) {
        for (const auto& candidate : all) candidate->measure();
    }
    std::vector<KernelBench> results;
    for (const Target& target : targets) {
        KernelBench result{target.kernel, timer.workload().name, {}};
        for (const std::vector<size_t>& layers : layers_by_shape(target, timer.layers())) {
            const Layer& layer = timer.layers()[layers.front()];
            ShapeBench shape{layer.shape,
                             static_cast<int>(layers.size()),
                             mean_cost(layers, timer.layers(), target.pass),
                             {}};
            for (const auto& candidate : all) {
                if (candidate->offers(target))
                    shape.implementations.push_back(measurement(*candidate, layers, layer, target.pass));
            }
            result.shapes.push_back(std::move(shape));
        }
        results.push_back(std::move(result));
    }
    return results;
}

std::vector<KernelBench> bench_op(const OpBenchOptions& options) {
    std::vector<KernelBench> results;
    const auto is_timed = [&](const Target& target) {
        return std::ranges::find(results, target.kernel, &KernelBench::kernel) != results.end();
    };
    const std::vector<Target> targets = targets_of(options.op, options.device);
    for (const Target& target : targets) {
        if (is_timed(target)) continue;
        std::optional<Workload> workload = workload_that_runs(target, options);
        if (!workload) continue;
        LayerTimer timer(std::move(*workload));
        std::vector<Target> here;
        std::ranges::copy_if(targets, std::back_inserter(here),
                             [&](const Target& each) { return !is_timed(each) && runs(timer, each); });
        std::ranges::move(bench_targets(here, timer, options.device, options.steps),
                          std::back_inserter(results));
    }
    if (results.empty()) throw nothing_runs(options);
    return results;
}

}  // namespace vitrine::tools

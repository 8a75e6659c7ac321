// bench op: see op_bench.h.

#include "lab/bench/op_bench.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <memory>
#include <set>
#include <utility>

#include "kernels/kernels.h"
#include "lab/bench/candidate.h"
#include "models/models.h"

namespace vitrine::tools {
namespace {

constexpr std::string_view forward_suffix = "_forward", backward_suffix = "_backward";

Target target_of(std::string_view kernel) {
    for (const std::string_view suffix : {forward_suffix, backward_suffix}) {
        if (!kernel.ends_with(suffix)) continue;
        const std::string_view op = kernel.substr(0, kernel.size() - suffix.size());
        return {std::string(kernel), std::string(op),
                suffix == forward_suffix ? Pass::forward : Pass::backward};
    }
    return {std::string(kernel), std::string(kernel), Pass::forward};
}

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
        if (layers[i].op != target.op || !layers[i].has(target.pass)) continue;
        const auto [found, is_new] = group_of.try_emplace(layers[i].shape, groups.size());
        if (is_new) groups.emplace_back();
        groups[found->second].push_back(i);
    }
    return groups;
}

bool runs(const LayerTimer& timer, const Target& target) {
    return !layers_by_shape(target, timer.layers()).empty();
}

WorkloadOptions workload_options(const OpBenchOptions& options, int64_t own_image_size) {
    return {.device = options.device,
            .image_size = options.image_size > 0 ? options.image_size : own_image_size,
            .batch_size = options.batch_size,
            .classes = options.classes};
}

Workload named_model(const OpBenchOptions& options, const std::string& model) {
    return model_workload(model, workload_options(options, models::model_from_name(model).image_size));
}

/// Tried with few small images, for the sake of time.
bool model_runs(const std::string& model, const OpBenchOptions& options, const std::string& op) {
    const LayerTimer timer(model_workload(
        model, {.device = options.device, .image_size = 32, .batch_size = 2, .classes = options.classes}));
    return std::ranges::any_of(timer.layers(), [&](const Layer& layer) { return layer.op == op; });
}

/// The name of a model, or of an op with a workload of its own.
std::string workload_key(const OpBenchOptions& options, const Target& target) {
    if (!options.model.empty()) return options.model;
    if (target.kernel == "add_backward") return target.kernel;  // models hand add's gradient on
    std::vector<std::string> models = models::model_names();
    // The one that all figures are told of comes first.
    std::ranges::stable_partition(
        models, [](const std::string& model) { return model == models::benchmark_model().name; });
    for (const std::string& model : models) {
        if (model_runs(model, options, target.op)) return model;
    }
    return target.op;
}

Workload workload_from_key(const std::string& key, const OpBenchOptions& options) {
    constexpr int64_t usual_image_size = 224;
    if (key == "add_backward") return add_backward_workload(workload_options(options, usual_image_size));
    if (key == "l2_norm" || key == "ema_update" || key == "decide_update")
        return optimiser_workload(workload_options(options, usual_image_size));
    if (key == "augment_images") return augment_workload(workload_options(options, usual_image_size));
    return named_model(options, key);
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
            total.cost += shape.cost * shape.layers;
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
        Target target = target_of(kernel->name());
        if (target.op != last) known += fmt::format("{}{}", known.empty() ? "" : ", ", target.op);
        last = target.op;
        if (name == target.op || name == target.kernel) targets.push_back(std::move(target));
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
            ShapeBench shape{layer.shape, static_cast<int>(layers.size()), layer.cost(target.pass), {}};
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
    std::vector<std::pair<std::string, std::vector<Target>>> by_workload;
    for (const Target& target : targets_of(options.op, options.device)) {
        const bool same = !by_workload.empty() && target.kernel != "add_backward";
        const std::string key = same ? by_workload.back().first : workload_key(options, target);
        if (by_workload.empty() || by_workload.back().first != key) by_workload.push_back({key, {}});
        by_workload.back().second.push_back(target);
    }
    std::vector<KernelBench> results;
    for (auto& [key, targets] : by_workload) {
        LayerTimer timer(workload_from_key(key, options));
        std::erase_if(targets, [&](const Target& target) { return !runs(timer, target); });
        for (KernelBench& result : bench_targets(targets, timer, options.device, options.steps)) {
            results.push_back(std::move(result));
        }
    }
    if (results.empty()) {
        throw Error(
            fmt::format("--model {}: its training launches no {}; leave --model out for a workload that does",
                        options.model, options.op));
    }
    return results;
}

}  // namespace vitrine::tools

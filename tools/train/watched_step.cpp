// A step that is looked at: see watched_step.h.

#include "tools/train/watched_step.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <nlohmann/json.hpp>
#include <string_view>

#include "engine/ops/conv.h"
#include "kernels/kernels.h"

namespace vitrine::train {
namespace {

constexpr double unknown = std::numeric_limits<double>::quiet_NaN();

/// Four digits are what a map's colour and a box with values need, and a line of a large model stays small. What is
/// not finite is null.
Json short_number(double value) {
    if (!std::isfinite(value)) return nullptr;
    return std::strtod(fmt::format("{:.3e}", value).c_str(), nullptr);
}

bool is_view(const OpEvent& event) {
    return event.inputs.front().defined() && event.inputs.front().data() == event.output().data();
}

Tensor copy_of(const Tensor& x) {
    if (!x.defined()) return {};
    Tensor copy = Tensor::like(x);
    copy.assign_copy(x);
    return copy;
}

/// What an expanded convolution makes for itself and never writes. By the kernel alone: an op would be part of the step.
Tensor expanded(const AffineTensor& narrow, const Tensor& weight, const TracedExpansion& expansion) {
    const TracedConv& conv = expansion.conv;
    const bool pointwise = weight.shape().rank() == 2;
    Tensor e = Tensor::empty(expansion.shape, narrow.x.placement());
    const auto forward = pointwise ? &KernelTable::pointwise_conv_forward : &KernelTable::dense_conv_forward;
    (kernels(e.device()).*
     forward)({.dtype = e.dtype(),
               .shape = ops::conv_shape("expand", narrow.x.shape(), weight.shape(), conv.options),
               .x = narrow.x.data(),
               .weight = weight.data(),
               .bias = nullptr,
               .prologue = {narrow.scale.data(), narrow.shift.data(), conv.prologue},
               .y = e.data(),
               .epilogue = {}});
    return e;
}

/// Rows are called by what the layer computes, whichever way.
const char* name_of_expansion(const Tensor& weight) {
    return weight.shape().rank() == 2 ? "pointwise_conv" : "dense_conv";
}

}  // namespace

WatchedStep::WatchedStep(TrainingStep& step) : step_(step), before_(copy_of(step.state().values())) {
    trace_.emplace([this](const OpEvent& event) { see(event); });
}

void WatchedStep::see(const OpEvent& event) {
    if (event.pass == Pass::forward) return see_forward(event);
    const auto found = layer_of_op_.find(event.number);
    if (found != layer_of_op_.end() && event.gradients.front().defined())
        layers_[found->second].gradient = tools::norm_of(event.gradients.front());
}

void WatchedStep::see_forward(const OpEvent& event) {
    if (step_.running_place() != 0 || std::string_view(event.op) == "merge_moments")
        return;                                       // another shard; and what is no layer
    if (std::string_view(event.op) == "normalize") {  // leaves a scale and a shift: no layer's values yet
        normalising_[event.output().data()] = event.module;
        return;
    }
    if (std::string_view(event.op) == "expansion_moments") return see_expansion(event);
    see_pending(event);
    const Tensor& y = event.output();
    if (is_view(event) || y.count() == 1) return;  // nothing new, or the loss
    const bool moments = event.outputs.size() == 3;
    layer_of_op_[event.number] = layers_.size();
    const bool expanded = std::holds_alternative<TracedExpandedConv>(event.options);
    add(fmt::format("{}{}{}", event.module, event.module.empty() ? "" : " ",
                    expanded ? "depthwise_conv" : event.op),
        moments ? tools::statistics_of({event.outputs[1], event.outputs[2]}, y.count() / y.shape()[-1])
                : tools::statistics_of(Pending(y)),
        moments);
}

void WatchedStep::see_expansion(const OpEvent& event) {
    const Tensor &x = event.inputs[0], &scale = event.inputs[2], &shift = event.inputs[3];
    const auto& expansion = std::get<TracedExpansion>(event.options);
    see_read({x, scale, shift}, expansion.conv.prologue);
    // Its gradient is in no tensor, so it stays unknown.
    add(fmt::format("{} {}", event.module, name_of_expansion(event.inputs[1])),
        tools::statistics_of({event.outputs[0], event.outputs[1]},
                             expansion.shape.count() / expansion.shape[-1]),
        true);
}

void WatchedStep::see_pending(const OpEvent& event) {
    if (const auto* conv = std::get_if<TracedConv>(&event.options)) {
        const Tensor &x = event.inputs[0], &scale = event.inputs[3], &shift = event.inputs[4];
        see_read({x, scale, shift}, conv->prologue);
    }
    if (std::string_view(event.op) == "global_average_pool")
        see_read({event.inputs[0], event.inputs[1], event.inputs[2]}, std::get<Activation>(event.options));
    if (const auto* conv = std::get_if<TracedExpandedConv>(&event.options)) {
        const Tensor &scale = event.inputs[4], &shift = event.inputs[5];
        AffineTensor narrow{event.inputs[0], event.inputs[2], event.inputs[3]};
        see_read(narrow, conv->expansion.conv.prologue);
        if (!normalising_.contains(scale.data())) return;
        see_read({expanded(narrow, event.inputs[1], conv->expansion), scale, shift}, conv->prologue);
    }
}

void WatchedStep::see_read(const AffineTensor& normalised, Activation activation) {
    const auto module = normalising_.find(normalised.scale.data());
    if (module == normalising_.end()) return;
    Pending read(normalised);
    read.activation = activation;
    const bool plain = activation == Activation::identity;
    add(fmt::format("{} normalize{}{}", module->second, plain ? "" : "+", plain ? "" : name_of(activation)),
        tools::statistics_of(read), false);
    normalising_.erase(module);
}

void WatchedStep::add(const std::string& name, const tools::TensorStatistics& values, bool only_moments) {
    const auto is_taken = [&](const std::string& wanted) {
        return std::ranges::any_of(layers_, [&](const Layer& layer) { return layer.name == wanted; });
    };
    std::string unique = name;
    for (int copy = 2; is_taken(unique); ++copy) unique = fmt::format("{} ({})", name, copy);
    layers_.push_back({unique, values, only_moments, unknown});
}

Json WatchedStep::layers() const {
    Json all = Json::object();
    for (const Layer& layer : layers_) {
        const tools::TensorStatistics& values = layer.values;
        const auto counted = [&](double share) { return layer.only_moments ? unknown : share; };
        Json& numbers = all[layer.name] = Json::array();
        for (const double value : {values.mean, values.deviation, counted(values.zeros),
                                   counted(values.saturated), counted(values.dead_channels), layer.gradient})
            numbers.push_back(short_number(value));
    }
    return all;
}

Json WatchedStep::parameters(bool norms_and_biases, int64_t batches) const {
    const FlatState& state = step_.state();
    Json all = Json::object();
    for (size_t index = 0; index < state.parameters().size(); ++index) {
        if (!state.is_trained(index) || state.is_frozen(index) ||
            state.is_norm_or_bias(index) != norms_and_biases)
            continue;
        const nn::NamedParameter& named = state.parameters()[index];
        const Tensor gradient = named.value().gradient(), before = state.part(before_, index);
        const double gradient_norm =
            gradient.defined() ? tools::norm_of(gradient) / static_cast<double>(batches) : unknown;
        Json& numbers = all[named.name] = Json::array();
        for (const double value :
             {tools::norm_of(before), gradient_norm, tools::distance_of(named.value(), before)})
            numbers.push_back(short_number(value));
    }
    return all;
}

Json WatchedStep::line(int64_t step, double epoch, int64_t batches) const {
    return {{"step", step},
            {"epoch", epoch},
            {"layers", layers()},
            {"weights", parameters(false, batches)},
            {"norms_and_biases", parameters(true, batches)}};
}

}  // namespace vitrine::train

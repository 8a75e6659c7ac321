// Stochastic gradient descent: see sgd.h.

#include "engine/optim/sgd.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <string_view>
#include <utility>

#include "engine/autograd.h"
#include "engine/checkpoint.h"
#include "engine/error.h"
#include "kernels/kernels.h"

namespace vitrine::optim {
namespace {

constexpr std::string_view state_prefix = "momentum.";

void check(const SgdOptions& options) {
    const auto check_one = [](const char* name, double value) {
        if (!(value >= 0.0)) throw Error(fmt::format("{} is {}, but must be 0 or more", name, value));
    };
    check_one("momentum", options.momentum);
    check_one("weight decay", options.weight_decay);
    if (options.nesterov && (options.momentum == 0.0 || options.dampening != 0.0)) {
        throw Error("Nesterov momentum needs a momentum above 0 and no dampening");
    }
}

bool is_norm_or_bias(const nn::Parameter& parameter) { return parameter.layout.shape.rank() <= 1; }

}  // namespace

double clip_coefficient(double norm, double max_norm) { return std::min(1.0, max_norm / (norm + 1e-6)); }

Sgd::Sgd(std::vector<nn::NamedParameter> parameters, const SgdOptions& options)
    : parameters_(std::move(parameters)), momentum_buffers_(parameters_.size()) {
    set_options(options);
}

void Sgd::set_options(const SgdOptions& options) {
    check(options);
    options_ = options;
}

void Sgd::reset_momentum() { std::ranges::fill(momentum_buffers_, Tensor()); }

void Sgd::zero_gradients() {
    for (const nn::NamedParameter& named : parameters_) named.value().slot()->clear();
}

double Sgd::gradient_norm() const {
    if (parameters_.empty()) return 0.0;
    std::vector<Tensor> gradients;
    std::vector<L2NormPart> parts;
    for (const nn::NamedParameter& named : parameters_) {
        const Tensor gradient = named.value().gradient();
        if (!gradient.defined()) continue;
        gradients.push_back(gradient);
        parts.push_back({gradient.count(), gradient.data()});
    }
    const Placement placement = parameters_.front().value().placement();
    const Tensor norm = Tensor::empty({1}, placement);
    kernels(placement.device).l2_norm({.dtype = placement.dtype, .parts = parts, .norm = norm.data()});
    return norm.item();
}

std::optional<double> Sgd::step(const Update& update) {
    std::optional<double> norm;
    double gradient_scale = update.gradient_scale;
    if (update.max_norm > 0.0) {
        norm = gradient_norm() * std::abs(update.gradient_scale);
        if (!std::isfinite(*norm)) return norm;
        gradient_scale *= clip_coefficient(*norm, update.max_norm);
    }
    launch(update, gradient_scale);
    return norm;
}

void Sgd::launch(const Update& update, double gradient_scale) {
    if (parameters_.empty()) return;
    const double momentum = update.momentum.value_or(options_.momentum);
    // A parameter that meets its first gradient now starts its momentum buffer, the others go on: two
    // launches at most.
    std::vector<SgdParameter> starting, going_on;
    std::vector<Tensor> gradients;
    for (size_t i = 0; i < parameters_.size(); ++i) {
        const nn::Parameter& parameter = *parameters_[i].parameter;
        const Tensor gradient = parameter.value.gradient();
        if (!gradient.defined()) continue;
        gradients.push_back(gradient);
        Tensor& buffer = momentum_buffers_[i];
        const bool first = momentum != 0.0 && !buffer.defined();
        if (first) buffer = Tensor::like(parameter.value);
        const bool decays = options_.decay_norms_and_biases || !is_norm_or_bias(parameter);
        (first ? starting : going_on)
            .push_back({.count = parameter.value.count(),
                        .gradient = gradient.data(),
                        .value = parameter.value.data(),
                        .momentum_buffer = momentum != 0.0 ? buffer.data() : nullptr,
                        .weight_decay = decays ? options_.weight_decay : 0.0});
    }
    const Placement placement = parameters_.front().value().placement();
    const auto launch_part = [&](const std::vector<SgdParameter>& part, bool first_step) {
        if (part.empty()) return;
        kernels(placement.device)
            .sgd_update({.dtype = placement.dtype,
                         .parameters = part,
                         .learning_rate = update.learning_rate,
                         .momentum = momentum,
                         .dampening = options_.dampening,
                         .nesterov = options_.nesterov,
                         .first_step = first_step,
                         .gradient_scale = gradient_scale});
    };
    launch_part(starting, true);
    launch_part(going_on, false);
}

SafeTensors Sgd::state() const {
    SafeTensors state;
    for (size_t i = 0; i < parameters_.size(); ++i) {
        if (!momentum_buffers_[i].defined()) continue;
        state.tensors.push_back(in_torch_layout(fmt::format("{}{}", state_prefix, parameters_[i].name),
                                                momentum_buffers_[i], *parameters_[i].parameter));
    }
    return state;
}

void Sgd::load_state(const SafeTensors& state, const std::string& source) {
    std::vector<Tensor> buffers(parameters_.size());
    for (const SafeTensor& tensor : state.tensors) {
        if (!tensor.name.starts_with(state_prefix)) continue;
        const std::string_view name = std::string_view(tensor.name).substr(state_prefix.size());
        const auto owner = std::ranges::find(parameters_, name, &nn::NamedParameter::name);
        if (owner == parameters_.end()) {
            throw Error(
                fmt::format("{} has a tensor {} for a parameter that the model lacks", source, tensor.name));
        }
        const nn::Parameter& parameter = *owner->parameter;
        buffers[static_cast<size_t>(owner - parameters_.begin())] = Tensor::from_host(
            values_for(parameter, tensor, source), parameter.value.shape(), parameter.value.placement());
    }
    momentum_buffers_ = std::move(buffers);
}

}  // namespace vitrine::optim

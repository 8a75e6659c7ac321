// Stochastic gradient descent: see sgd.h.

#include "engine/optim/sgd.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <string_view>
#include <utility>

#include "engine/autograd.h"
#include "engine/checkpoint.h"
#include "engine/error.h"
#include "kernels/kernels.h"

namespace vitrine::optim {
namespace {

constexpr std::string_view state_prefix = "momentum.";

void* at(const Tensor& array, const Range& range) { return array.part(range.begin, {range.count()}).data(); }

/// Of a range of matrices and kernels.
void* rounded_at(const FlatState& state, const Range& range) {
    return state.rounded().defined() ? at(state.rounded(), range) : nullptr;
}

DType rounded_type(const FlatState& state) {
    return state.rounded().defined() ? state.rounded().dtype() : DType::bf16;
}

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

}  // namespace

Sgd::Sgd(FlatState& state, const SgdOptions& options)
    : state_(state), started_(state.parameters().size(), false) {
    set_options(options);
}

void Sgd::set_options(const SgdOptions& options) {
    check(options);
    if (!options.rate_factors.empty() && options.rate_factors.size() != started_.size())
        throw std::logic_error("not a factor on the learning rate for each parameter");
    options_ = options;
    distinct_factors_ = {options.rate_factors.begin(), options.rate_factors.end()};
    if (distinct_factors_.empty()) distinct_factors_ = {1.0};
}

void Sgd::reset_momentum() { started_.assign(started_.size(), false); }

void Sgd::zero_gradients() {
    for (size_t i = 0; i < started_.size(); ++i) {
        if (state_.is_trained(i) && !state_.is_frozen(i)) state_.parameter(i).value.slot()->clear();
    }
}

Tensor Sgd::momentum(size_t index) const {
    return started_.at(index) ? state_.part(momentum_, index) : Tensor();
}

Tensor Sgd::gradient_norm() const {
    const Tensor& gradients = state_.gradients();
    if (!gradients.defined()) return {};
    for (size_t i = 0; i < started_.size(); ++i) {
        if (state_.is_trained(i) && !has_gradient(i)) state_.part(gradients, i).assign_zero();
    }
    Tensor norm = Tensor::empty({1}, gradients.placement());
    kernels(norm.device())
        .l2_norm({.dtype = norm.dtype(),
                  .count = gradients.count(),
                  .data = gradients.data(),
                  .norm = norm.data()});
    return norm;
}

void Sgd::step(const Update& update) {
    const double momentum = update.momentum.value_or(options_.momentum);
    if (momentum != 0.0 && !momentum_.defined() && state_.trained_count() > 0)
        momentum_ = state_.zeros(state_.trained_count());
    const auto launch_ranges = [&](bool norms_and_biases, bool started, double factor, double weight_decay) {
        const auto wanted = [&](size_t i) {
            return state_.is_norm_or_bias(i) == norms_and_biases && started_[i] == started &&
                   rate_factor(i) == factor && has_gradient(i);
        };
        for (const Range& range : state_.ranges_of(wanted)) {
            kernels(state_.placement().device)
                .sgd_update({.dtype = state_.placement().dtype,
                             .count = range.count(),
                             .gradient = at(state_.gradients(), range),
                             .value = at(state_.values(), range),
                             .momentum_buffer = momentum != 0.0 ? at(momentum_, range) : nullptr,
                             .learning_rate = update.learning_rate * factor,
                             .weight_decay = weight_decay,
                             .momentum = momentum,
                             .dampening = options_.dampening,
                             .nesterov = options_.nesterov,
                             .first_step = momentum != 0.0 && !started,
                             .gradient_scale = update.gradient_scale,
                             .decision = update.decision,
                             .rounded = norms_and_biases ? nullptr : rounded_at(state_, range),
                             .rounded_dtype = rounded_type(state_)});
        }
    };
    // A parameter that meets its first gradient now starts its momentum buffer, the others go on.
    for (const double factor : distinct_factors_) {
        for (const bool started : {false, true}) {
            launch_ranges(false, started, factor, options_.weight_decay);
            launch_ranges(true, started, factor,
                          options_.decay_norms_and_biases ? options_.weight_decay : 0.0);
        }
    }
    for (size_t i = 0; momentum != 0.0 && i < started_.size(); ++i) {
        if (state_.is_trained(i) && has_gradient(i)) started_[i] = true;
    }
}

SafeTensors Sgd::state() const {
    SafeTensors state;
    for (size_t i = 0; i < started_.size(); ++i) {
        if (!started_[i]) continue;
        const nn::NamedParameter& named = state_.parameters()[i];
        state.tensors.push_back(in_torch_layout(fmt::format("{}{}", state_prefix, named.name),
                                                state_.part(momentum_, i), *named.parameter));
    }
    return state;
}

void Sgd::load_state(const SafeTensors& state, const std::string& source) {
    std::vector<std::optional<std::vector<double>>> buffers(started_.size());
    for (const SafeTensor& tensor : state.tensors) {
        if (!tensor.name.starts_with(state_prefix)) continue;
        const std::string_view name = std::string_view(tensor.name).substr(state_prefix.size());
        const auto& parameters = state_.parameters();
        const auto owner = std::ranges::find(parameters, name, &nn::NamedParameter::name);
        if (owner == parameters.end() || owner->parameter->role != nn::Role::trained) {
            throw Error(
                fmt::format("{} has a tensor {} for a parameter that the model lacks", source, tensor.name));
        }
        buffers[static_cast<size_t>(owner - parameters.begin())] =
            values_for(*owner->parameter, tensor, source);
    }
    if (!momentum_.defined() && state_.trained_count() > 0) momentum_ = state_.zeros(state_.trained_count());
    for (size_t i = 0; i < buffers.size(); ++i) {
        started_[i] = buffers[i].has_value();
        if (started_[i]) state_.part(momentum_, i).assign(std::span<const double>(*buffers[i]));
    }
}

}  // namespace vitrine::optim

// An exponential moving average of a model: see ema.h.

#include "engine/optim/ema.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <span>
#include <stdexcept>
#include <string_view>
#include <utility>

#include "engine/checkpoint.h"
#include "engine/error.h"
#include "kernels/kernels.h"

namespace vitrine::optim {
namespace {

constexpr std::string_view state_prefix = "ema.";
constexpr const char* updates_name = "ema_updates";

std::string name_in_state(const nn::NamedParameter& named) {
    return fmt::format("{}{}", state_prefix, named.name);
}

Tensor copy_of(const Tensor& tensor) {
    Tensor copy = Tensor::like(tensor);
    copy.assign_copy(tensor);
    return copy;
}

}  // namespace

double warmed_up_decay(double decay, int64_t updates) {
    const double t = static_cast<double>(updates);
    return std::min(decay, (1.0 + t) / (10.0 + t));
}

Ema::Ema(nn::Module& model) : model_(model.state()) {
    for (const nn::NamedParameter& named : model_) averages_.push_back(copy_of(named.value()));
}

void Ema::require_own_state() const {
    if (swapped_) throw std::logic_error("the average is in the model: swap() back first");
}

void Ema::update(double decay) {
    require_own_state();
    if (!(decay >= 0.0 && decay <= 1.0)) {
        throw Error(fmt::format("the decay of the moving average is {}, but must be within 0 … 1", decay));
    }
    std::vector<EmaParameter> parameters;
    Placement placement;
    for (size_t i = 0; i < model_.size(); ++i) {
        const nn::Parameter& parameter = *model_[i].parameter;
        if (parameter.role == nn::Role::counter) {
            averages_[i].assign_copy(parameter.value);
            continue;
        }
        placement = parameter.value.placement();
        parameters.push_back({parameter.value.count(), parameter.value.data(), averages_[i].data()});
    }
    if (!parameters.empty()) {
        kernels(placement.device)
            .ema_update(
                {.dtype = placement.dtype, .parameters = parameters, .decay = updates_ == 0 ? 0.0 : decay});
    }
    ++updates_;
}

void Ema::swap() {
    // The values change places and not the tensors: modules hold handles of their own.
    for (size_t i = 0; i < model_.size(); ++i) {
        Tensor& value = model_[i].value();
        const Tensor kept = copy_of(value);
        value.assign_copy(averages_[i]);
        averages_[i].assign_copy(kept);
    }
    swapped_ = !swapped_;
}

SafeTensors Ema::state() const {
    require_own_state();
    SafeTensors state;
    for (size_t i = 0; i < model_.size(); ++i) {
        state.tensors.push_back(
            in_torch_layout(name_in_state(model_[i]), averages_[i], *model_[i].parameter));
    }
    const std::array updates{static_cast<double>(updates_)};
    state.tensors.push_back(SafeTensor::i64(updates_name, {}, updates));
    return state;
}

void Ema::load_state(const SafeTensors& state, const std::string& source) {
    require_own_state();
    const auto find = [&](const std::string& name) -> const SafeTensor& {
        if (const SafeTensor* tensor = state.find(name)) return *tensor;
        throw Error(fmt::format("{} has no tensor {}: is it another model?", source, name));
    };
    std::vector<std::vector<double>> values;
    for (const nn::NamedParameter& named : model_) {
        values.push_back(values_for(*named.parameter, find(name_in_state(named)), source));
    }
    const std::vector<double> updates = find(updates_name).values();
    constexpr double most_updates = 1e15;
    if (updates.size() != 1 || !(updates.front() >= 0.0 && updates.front() <= most_updates))
        throw Error(fmt::format("{}: tensor {} is not a single number of updates", source, updates_name));
    for (const SafeTensor& tensor : state.tensors) {
        const bool known = !tensor.name.starts_with(state_prefix) ||
                           std::ranges::any_of(model_, [&](const nn::NamedParameter& named) {
                               return name_in_state(named) == tensor.name;
                           });
        if (!known) {
            throw Error(fmt::format("{} has a tensor {} that the model does not know", source, tensor.name));
        }
    }
    for (size_t i = 0; i < model_.size(); ++i) averages_[i].assign(std::span<const double>(values[i]));
    updates_ = static_cast<int64_t>(updates.front());
}

}  // namespace vitrine::optim

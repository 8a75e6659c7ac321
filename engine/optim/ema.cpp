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

Ema::Ema(FlatState& state) : model_(state), counters_(state.parameters().size()) {
    if (model_.count() > 0) average_ = Tensor::like(model_.values());
    for (size_t i = 0; i < counters_.size(); ++i) {
        if (model_.is_counter(i)) counters_[i] = Tensor::like(model_.parameter(i).value);
    }
    restart();
}

void Ema::restart() {
    require_own_state();
    if (average_.defined()) average_.assign_copy(model_.values());
    copy_counters();
    updates_ = 0;
}

void Ema::copy_counters() {
    for (size_t i = 0; i < counters_.size(); ++i) {
        if (counters_[i].defined()) counters_[i].assign_copy(model_.parameter(i).value);
    }
}

Tensor Ema::average_of(size_t index) const {
    return counters_[index].defined() ? counters_[index] : model_.part(average_, index);
}

void Ema::require_own_state() const {
    if (swapped_) throw std::logic_error("the average is in the model: swap() back first");
}

void Ema::update(double decay) {
    require_own_state();
    if (!(decay >= 0.0 && decay <= 1.0)) {
        throw Error(fmt::format("the decay of the moving average is {}, but must be within 0 … 1", decay));
    }
    launch(updates_ == 0 ? 0.0 : decay, nullptr);
    ++updates_;
}

void Ema::update_as_decided(const void* decision) {
    require_own_state();
    launch(0.0, decision);
}

void Ema::launch(double decay, const void* decision) {
    copy_counters();
    if (!average_.defined()) return;
    kernels(average_.device())
        .ema_update({.dtype = average_.dtype(),
                     .count = average_.count(),
                     .value = model_.values().data(),
                     .average = average_.data(),
                     .decay = decay,
                     .decision = decision});
}

void Ema::swap() {
    // The values change places and not the tensors: parameters are views of them.
    const auto exchange = [](Tensor value, Tensor& average) {
        const Tensor kept = copy_of(value);
        value.assign_copy(average);
        average.assign_copy(kept);
    };
    if (average_.defined()) exchange(model_.values(), average_);
    model_.round();
    for (size_t i = 0; i < counters_.size(); ++i) {
        if (counters_[i].defined()) exchange(model_.parameter(i).value, counters_[i]);
    }
    swapped_ = !swapped_;
}

SafeTensors Ema::state() const {
    require_own_state();
    SafeTensors state;
    for (size_t i = 0; i < counters_.size(); ++i) {
        const nn::NamedParameter& named = model_.parameters()[i];
        state.tensors.push_back(in_torch_layout(name_in_state(named), average_of(i), *named.parameter));
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
    for (const nn::NamedParameter& named : model_.parameters()) {
        values.push_back(values_for(*named.parameter, find(name_in_state(named)), source));
    }
    const std::vector<double> updates = find(updates_name).values();
    constexpr double most_updates = 1e15;
    if (updates.size() != 1 || !(updates.front() >= 0.0 && updates.front() <= most_updates))
        throw Error(fmt::format("{}: tensor {} is not a single number of updates", source, updates_name));
    for (const SafeTensor& tensor : state.tensors) {
        const bool known = !tensor.name.starts_with(state_prefix) ||
                           std::ranges::any_of(model_.parameters(), [&](const nn::NamedParameter& named) {
                               return name_in_state(named) == tensor.name;
                           });
        if (!known) {
            throw Error(fmt::format("{} has a tensor {} that the model does not know", source, tensor.name));
        }
    }
    for (size_t i = 0; i < values.size(); ++i) average_of(i).assign(std::span<const double>(values[i]));
    updates_ = static_cast<int64_t>(updates.front());
}

}  // namespace vitrine::optim

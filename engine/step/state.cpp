// The numbers of a model in one piece: see state.h.

#include "engine/step/state.h"

#include <stdexcept>
#include <utility>

#include "engine/autograd.h"

namespace vitrine {
namespace {

int64_t aligned(int64_t count) {
    return (count + FlatState::alignment - 1) / FlatState::alignment * FlatState::alignment;
}

}  // namespace

FlatState::FlatState(std::vector<nn::NamedParameter> parameters)
    : parameters_(std::move(parameters)), begins_(parameters_.size()) {
    place([&](size_t index) { return is_trained(index) && !is_norm_or_bias(index); });
    const int64_t multiplied = count_;
    place([&](size_t index) { return is_trained(index) && is_norm_or_bias(index); });
    trained_count_ = count_;
    place([&](size_t index) { return !is_trained(index) && !is_counter(index); });
    if (order_.empty()) return;
    placement_ = parameter(order_.front()).value.placement();
    values_ = zeros(count_);
    if (trained_count_ > 0) gradients_ = zeros(trained_count_);
    for (const size_t index : order_) {
        Tensor& value = parameter(index).value;
        if (value.dtype() != placement_.dtype || value.device() != placement_.device)
            throw std::logic_error("parameters of several types or devices in one state");
        Tensor moved = part(values_, index);
        moved.assign_copy(value);
        value = std::move(moved);
        if (is_trained(index)) require_gradient(index);
    }
    place_rounded(multiplied);
}

void FlatState::place_rounded(int64_t multiplied) {
    for (const size_t index : order_) {
        Tensor& rounded = parameter(index).rounded;
        if (!rounded.defined()) continue;
        if (!rounded_.defined()) rounded_ = Tensor::zeros({multiplied}, rounded.placement());
        rounded = part(rounded_, index);
    }
    round();
}

void FlatState::round() {
    for (const size_t index : order_) parameter(index).round();
}

void FlatState::require_gradient(size_t index) {
    parameter(index).value.require_gradient().slot()->collect_in(part(gradients_, index));
}

void FlatState::freeze(const std::function<bool(size_t)>& frozen) {
    for (const size_t index : order_) {
        if (!is_trained(index) || frozen(index) == is_frozen(index)) continue;
        parameter(index).value = part(values_, index);  // a view without a gradient
        if (!frozen(index)) require_gradient(index);
    }
}

void FlatState::place(const std::function<bool(size_t)>& wanted) {
    for (size_t index = 0; index < parameters_.size(); ++index) {
        if (!wanted(index)) continue;
        begins_[index] = count_;
        count_ += aligned(parameter(index).value.count());
        order_.push_back(index);
    }
}

Tensor FlatState::part(const Tensor& array, size_t index) const {
    return array.part(begins_[index], parameter(index).value.shape());
}

template <class Visit>
void FlatState::for_each_counter(Visit&& visit) const {
    for (size_t i = 0; i < parameters_.size(); ++i) {
        if (is_counter(i)) visit(*static_cast<double*>(parameter(i).value.data()));
    }
}

std::vector<double> FlatState::counters() const {
    std::vector<double> values;
    for_each_counter([&](double counter) { values.push_back(counter); });
    return values;
}

void FlatState::set_counters(const std::vector<double>& values) {
    auto value = values.begin();
    for_each_counter([&](double& counter) { counter = *value++; });
}

std::vector<FlatState::Place> FlatState::places_of(const std::function<bool(size_t)>& wanted) const {
    std::vector<Place> places;
    for (const size_t index : order_) {
        if (!is_trained(index) || !wanted(index)) continue;
        const int64_t begin = begins_[index];
        places.push_back({index, {begin, begin + aligned(parameter(index).value.count())}});
    }
    return places;
}

std::vector<Range> FlatState::ranges_of(const std::function<bool(size_t)>& wanted) const {
    std::vector<Range> ranges;
    for (const Place& place : places_of(wanted)) {
        if (!ranges.empty() && ranges.back().end == place.elements.begin)
            ranges.back().end = place.elements.end;
        else
            ranges.push_back(place.elements);
    }
    return ranges;
}

}  // namespace vitrine

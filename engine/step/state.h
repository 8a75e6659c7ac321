// The numbers of a model in one piece: values, gradients and values rounded to 16 bits, an allocation each. The model's parameters are
// views into them.
//
//     values       matrices and kernels │ norms and biases │ running statistics
//     gradients    matrices and kernels │ norms and biases
//     rounded      matrices and kernels
//
// The last is there where activations are of a 16-bit type: the values that are multiplied with them, in that type. The values
// themselves stay f32: an update is often smaller than a rounding of the value to 16 bits, and would be lost.
//
// What treats all parameters alike (optim/sgd.h, optim/ema.h) works on a few ranges of elements then, and not
// on a list of some 160 tensors. A parameter begins at a multiple of `alignment` elements; the elements
// between are zeros in every array that is laid out like this, and an update leaves them zeros.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "engine/nn/parameter.h"
#include "engine/tensor.h"

namespace vitrine {

/// Elements begin … end − 1 of an array.
struct Range {
    int64_t begin = 0;
    int64_t end = 0;

    int64_t count() const { return end - begin; }
    bool operator==(const Range&) const = default;
};

class FlatState {
  public:
    /// As far as a device aligns memory itself (kernels/runtime.h).
    static constexpr int64_t alignment = 64;

    /// Moves the parameters there, with their values; gradients that they had are forgotten. They must
    /// outlive the state, and all but counters (which stay where they are) lie in one place.
    explicit FlatState(std::vector<nn::NamedParameter> parameters);
    FlatState(const FlatState&) = delete;
    FlatState& operator=(const FlatState&) = delete;

    /// As they were given: what is written here by index is the index of this list.
    const std::vector<nn::NamedParameter>& parameters() const { return parameters_; }
    nn::Parameter& parameter(size_t index) const { return *parameters_[index].parameter; }
    /// Where the values are; the default where there is no parameter.
    Placement placement() const { return placement_; }

    /// Elements of all values, and of those that have gradients: the first of them. Undefined tensors where
    /// there are none.
    int64_t count() const { return count_; }
    int64_t trained_count() const { return trained_count_; }
    const Tensor& values() const { return values_; }        // [count]
    const Tensor& gradients() const { return gradients_; }  // [trained_count]
    /// The beginning of the values in the activations' type; undefined where that is the values' own.
    const Tensor& rounded() const { return rounded_; }
    /// Takes `rounded` from the values: after anything but an update has changed them.
    void round();

    /// Zeros for an array that is laid out as the values or their beginning are.
    Tensor zeros(int64_t count) const { return Tensor::zeros({count}, placement_); }
    /// A parameter's part of such an array, in its shape. Not for a counter.
    Tensor part(const Tensor& array, size_t index) const;

    bool is_counter(size_t index) const { return parameter(index).role == nn::Role::counter; }
    bool is_trained(size_t index) const { return parameter(index).role == nn::Role::trained; }
    /// The values of all counters, in the order of the parameters.
    std::vector<double> counters() const;
    void set_counters(const std::vector<double>& values);
    /// From now on these trained parameters are frozen, and no others: no backward pass makes a gradient for them or passes
    /// through what needs none, and so no update reaches them. Gradients that they had are forgotten. Not within a step.
    void freeze(const std::function<bool(size_t index)>& frozen);
    bool is_frozen(size_t index) const {
        return is_trained(index) && !parameter(index).value.requires_gradient();
    }
    /// Scales, shifts and biases: what PyTorch keeps with one dimension.
    bool is_norm_or_bias(size_t index) const { return parameter(index).layout.shape.rank() <= 1; }

    /// A trained parameter's place among the values and gradients, filled up to the next one's.
    struct Place {
        size_t index;
        Range elements;
    };
    /// The trained parameters for which `wanted(index)` holds, as they lie there.
    std::vector<Place> places_of(const std::function<bool(size_t index)>& wanted) const;
    /// The same, neighbours as one range.
    std::vector<Range> ranges_of(const std::function<bool(size_t index)>& wanted) const;

  private:
    void place(const std::function<bool(size_t index)>& wanted);
    void require_gradient(size_t index);
    void place_rounded(int64_t multiplied);
    template <class Visit>
    void for_each_counter(Visit&& visit) const;

    std::vector<nn::NamedParameter> parameters_;
    Placement placement_;
    std::vector<size_t> order_;    // indices of parameters as they lie in memory
    std::vector<int64_t> begins_;  // of each parameter
    int64_t count_ = 0, trained_count_ = 0;
    Tensor values_, gradients_, rounded_;
};

}  // namespace vitrine

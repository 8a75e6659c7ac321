// Parameters: a tensor, how it starts, and how PyTorch lays it out.
#pragma once

#include <limits>
#include <string>
#include <vector>

#include "engine/tensor.h"

namespace vitrine::nn {

/// How PyTorch stores the same numbers: view ours as `view`, put its axes in `order`, and give the result
/// `shape`. A dense convolution's [O, kh, kw, I] for example has order {0, 3, 1, 2} and shape [O, I, kh, kw].
struct TorchLayout {
    Shape view;
    std::vector<int> order;
    Shape shape;

    /// Stored exactly as ours.
    static TorchLayout same(const Shape& shape);
};

std::vector<double> to_torch(const std::vector<double>& ours, const TorchLayout& layout);
std::vector<double> from_torch(const std::vector<double>& theirs, const TorchLayout& layout);

/// The distribution that a parameter's first values are drawn from.
struct Initialisation {
    enum class Kind { constant, normal, uniform } kind = Kind::constant;
    double scale = 0.0;  // the constant, the deviation, or the bound of (−bound, bound)

    static Initialisation constant(double value) { return {Kind::constant, value}; }
    static Initialisation normal(double deviation) { return {Kind::normal, deviation}; }
    static Initialisation uniform(double bound) { return {Kind::uniform, bound}; }
};

enum class Role {
    trained,  // updated by the optimiser
    buffer,   // part of the state, updated by the module (running statistics)
    counter,  // a buffer that PyTorch keeps as an int64 scalar
};

struct Parameter {
    std::string name;
    Tensor value;
    TorchLayout layout;
    Initialisation initialisation;
    Role role = Role::trained;
    double lowest = -std::numeric_limits<double>::infinity();  // what makes sense: a variance is not below 0
    /// Of a weight that is multiplied with 16-bit activations: the value in their type. Undefined elsewhere.
    Tensor rounded = {};

    /// What a kernel multiplies: `rounded` where there is one, else the value; its gradient is the value's.
    Tensor factor() const { return rounded.defined() ? rounded.with_gradient_of(value) : value; }
    /// Takes `rounded` from the value: after anything but an update (kernels/optim.h) has changed it.
    void round();
};

struct NamedParameter {
    std::string name;  // full: "features.0.0.weight"
    Parameter* parameter;

    Tensor& value() const { return parameter->value; }
};

}  // namespace vitrine::nn

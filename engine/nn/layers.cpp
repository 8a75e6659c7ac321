// The layers: see layers.h.

#include "engine/nn/layers.h"

#include <cmath>
#include <stdexcept>

#include "engine/shard_meeting.h"

namespace vitrine::nn {
namespace {

/// A weight that activations of the placement's type are multiplied with.
Parameter multiplied(std::string name, const Shape& shape, TorchLayout layout, Initialisation initialisation,
                     Placement placement) {
    Parameter parameter{std::move(name), Tensor::empty(shape, placement.accumulated()), std::move(layout),
                        initialisation};
    if (is_half(placement.dtype)) parameter.rounded = Tensor::empty(shape, placement);
    return parameter;
}

Parameter per_channel(std::string name, int64_t channels, Initialisation initialisation, Role role,
                      Placement placement) {
    return {std::move(name), Tensor::empty({channels}, placement.accumulated()),
            TorchLayout::same({channels}), initialisation, role};
}

}  // namespace

bool Conv2d::depthwise() const {
    return options_.groups > 1 && options_.groups == options_.in_channels &&
           options_.out_channels == options_.in_channels;
}

bool Conv2d::pointwise() const {
    return options_.kernel == 1 && options_.stride == 1 && options_.padding == 0 && options_.groups == 1;
}

Conv2d::Conv2d(const Conv2dOptions& options, Placement placement) : options_(options) {
    const int64_t k = options.kernel, in = options.in_channels / options.groups, out = options.out_channels;
    const double fan_in = static_cast<double>(k * k * in), fan_out = static_cast<double>(k * k * out);
    const bool kaiming = options.initialisation == ConvInitialisation::kaiming_fan_out;
    const Initialisation weight = kaiming ? Initialisation::normal(std::sqrt(2.0 / fan_out))
                                          : Initialisation::uniform(1.0 / std::sqrt(fan_in));
    const Shape torch_shape{out, in, k, k};
    if (depthwise()) {
        weight_ = add(multiplied("weight", {k, k, out}, {{k, k, out, 1}, {2, 3, 0, 1}, torch_shape}, weight,
                                 placement));
    } else if (pointwise()) {
        weight_ = add(multiplied("weight", {out, in}, {{out, in}, {0, 1}, torch_shape}, weight, placement));
    } else {
        weight_ = add(multiplied("weight", {out, k, k, in}, {{out, k, k, in}, {0, 3, 1, 2}, torch_shape},
                                 weight, placement));
    }
    if (options.bias) {
        const Initialisation bias =
            kaiming ? Initialisation::constant(0.0) : Initialisation::uniform(1.0 / std::sqrt(fan_in));
        bias_ = add(per_channel("bias", out, bias, Role::trained, placement));
    }
}

bool Conv2d::stays_unwritten(const Pending& x, const ops::ConvOptions& options) const {
    return options_.expands && !depthwise() && bias_ == nullptr && fused() && !writes_all() &&
           ops::expand_pays(x, weight_->value.shape(), options);
}

Pending Conv2d::forward(const Pending& x) {
    const ops::ConvOptions options{.stride = {options_.stride, options_.stride},
                                   .padding = {options_.padding, options_.padding},
                                   .groups = options_.groups,
                                   .moments = next_ != nullptr && fused() && next_->training()};
    const std::optional<ops::BatchNorm> norm = options.moments ? next_->behind_moments() : std::nullopt;
    const ops::BatchNorm* const next = norm ? &*norm : nullptr;
    if (stays_unwritten(x, options)) return ops::expand(x, weight_->factor(), options, next);
    return ops::conv(x, weight_->factor(), bias_ != nullptr ? bias_->value : Tensor(), options, next);
}

std::optional<Window> Conv2d::window() const {
    const char* convolution = depthwise() ? "depthwise" : pointwise() ? "pointwise" : "dense";
    return Window{convolution, options_.kernel, options_.stride};
}

BatchNorm2d::BatchNorm2d(int64_t channels, Placement placement) {
    const auto vector = [&](const char* name, double start, Role role) {
        return add(per_channel(name, channels, Initialisation::constant(start), role, placement));
    };
    weight_ = vector("weight", 1.0, Role::trained);
    bias_ = vector("bias", 0.0, Role::trained);
    running_mean_ = vector("running_mean", 0.0, Role::buffer);
    running_variance_ = vector("running_var", 1.0, Role::buffer);
    running_variance_->lowest = 0.0;
    // Counted on the host, in f64: exact up to 2^53 batches.
    batches_ = add(Parameter{"num_batches_tracked", Tensor::empty({1}, {DType::f64, Device::reference}),
                             TorchLayout{{1}, {0}, {}}, Initialisation::constant(0.0), Role::counter, 0.0});
}

ops::BatchNorm BatchNorm2d::norm() const {
    ops::BatchNorm norm{weight_->value,
                        bias_->value,
                        running_mean_->value,
                        running_variance_->value,
                        {.training = training()}};
    // All shards would move the running statistics alike, and it is one batch: the first of them here does so.
    if (meeting() != nullptr && meeting()->place() > 0) norm.options.momentum = 0.0;
    return norm;
}

std::optional<ops::BatchNorm> BatchNorm2d::behind_moments() const {
    if (meeting() != nullptr) return std::nullopt;
    return norm();
}

Pending BatchNorm2d::forward(const Pending& x) {
    ops::BatchNorm norm = this->norm();
    if (training() && norm.options.momentum != 0.0) *static_cast<double*>(batches_->value.data()) += 1.0;
    const bool stays_pending = fused() && x.plain() && (x.moments.defined() || !training());
    if (stays_pending) return ops::normalize(over_all_shards(x), norm);
    if (training() && meeting() != nullptr)
        throw std::logic_error(
            "batch norm over several shards needs the moments that a fused convolution leaves");
    return ops::batch_norm(ops::resolve(x), norm.weight, norm.bias, norm.running_mean, norm.running_variance,
                           norm.options);
}

Pending BatchNorm2d::over_all_shards(const Pending& x) const {
    if (!training() || meeting() == nullptr) return x;
    Pending whole = x;
    whole.moments = ops::merge_moments(x.moments, x.shape().count() / x.shape()[-1], *meeting());
    return whole;
}

void append_normalised(Sequential& modules, const Conv2dOptions& options, Placement placement) {
    const auto conv = modules.append<Conv2d>(options, placement);
    conv->set_next(modules.append<BatchNorm2d>(options.out_channels, placement));
}

Pending ActivationLayer::forward(const Pending& x) {
    if (!fused() || x.activation != Activation::identity)
        return ops::activation(ops::resolve(x), activation_);
    Pending activated = x;
    activated.activation = activation_;
    return activated;
}

std::string ActivationLayer::kind() const {
    switch (activation_) {
        case Activation::identity:
            return "Identity";
        case Activation::relu:
            return "ReLU";
        case Activation::relu6:
            return "ReLU6";
        case Activation::silu:
            return "SiLU";
        case Activation::hard_swish:
            return "Hardswish";
    }
    throw std::logic_error("unknown activation");
}

LinearOptions LinearOptions::torch_default(int64_t in_features, int64_t out_features) {
    const Initialisation start = Initialisation::uniform(1.0 / std::sqrt(static_cast<double>(in_features)));
    return {in_features, out_features, start, start, {}};
}

Linear::Linear(const LinearOptions& options, Placement placement) {
    const Shape shape{options.out_features, options.in_features};
    TorchLayout layout = TorchLayout::same(shape);
    if (const Shape& image = options.unflattened; image.rank() == 3) {
        layout = {{options.out_features, image[0], image[1], image[2]}, {0, 3, 1, 2}, shape};
    }
    weight_ = add(multiplied("weight", shape, layout, options.weight, placement));
    bias_ = add(per_channel("bias", options.out_features, options.bias, Role::trained, placement));
}

Pending Dropout::forward(const Pending& x) {
    if (!training() || probability_ == 0.0) return x;
    // The sample's place is taken by the row in the kernel, so several layers are told apart by the seed.
    const RandomKey key{.seed = seed() + index_, .purpose = RandomPurpose::dropout, .epoch = step()};
    return ops::dropout(ops::resolve(x), probability_, key);
}

}  // namespace vitrine::nn

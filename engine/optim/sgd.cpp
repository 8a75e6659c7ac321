// Stochastic gradient descent: see sgd.h.

#include "engine/optim/sgd.h"

#include <fmt/format.h>

#include "engine/autograd.h"
#include "engine/error.h"
#include "kernels/kernels.h"

namespace vitrine::optim {

Sgd::Sgd(std::vector<nn::NamedParameter> parameters, const SgdOptions& options)
    : parameters_(std::move(parameters)), options_(options), momentum_buffers_(parameters_.size()) {
    if (options.momentum < 0.0) throw Error(fmt::format("momentum {} is negative", options.momentum));
    if (options.weight_decay < 0.0)
        throw Error(fmt::format("weight decay {} is negative", options.weight_decay));
    if (options.nesterov && (options.momentum == 0.0 || options.dampening != 0.0)) {
        throw Error("Nesterov momentum needs a momentum above 0 and no dampening");
    }
}

void Sgd::zero_gradients() {
    for (const nn::NamedParameter& named : parameters_) named.value().slot()->clear();
}

void Sgd::step(double learning_rate) {
    if (parameters_.empty()) return;
    // A parameter that meets its first gradient now starts its momentum buffer, the others go on: two
    // launches at most.
    std::vector<SgdParameter> starting, going_on;
    std::vector<Tensor> gradients;
    for (size_t i = 0; i < parameters_.size(); ++i) {
        Tensor& value = parameters_[i].value();
        const Tensor gradient = value.gradient();
        if (!gradient.defined()) continue;
        gradients.push_back(gradient);
        Tensor& buffer = momentum_buffers_[i];
        const bool first = !buffer.defined();
        if (first && options_.momentum != 0.0) buffer = Tensor::like(value);
        (first ? starting : going_on)
            .push_back({value.count(), gradient.data(), value.data(), buffer.data()});
    }
    const Placement placement = parameters_.front().value().placement();
    const auto launch = [&](const std::vector<SgdParameter>& part, bool first_step) {
        if (part.empty()) return;
        kernels(placement.device)
            .sgd_update({.dtype = placement.dtype,
                         .parameters = part,
                         .learning_rate = learning_rate,
                         .momentum = options_.momentum,
                         .dampening = options_.dampening,
                         .weight_decay = options_.weight_decay,
                         .nesterov = options_.nesterov,
                         .first_step = first_step});
    };
    launch(starting, true);
    launch(going_on, false);
}

}  // namespace vitrine::optim

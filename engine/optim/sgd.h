// Stochastic gradient descent with momentum, weight decay, Nesterov and dampening: torch.optim.SGD's
// arithmetic, formula in kernels/optim.h.
#pragma once

#include <vector>

#include "engine/nn/parameter.h"

namespace vitrine::optim {

struct SgdOptions {
    double momentum = 0.0;
    double weight_decay = 0.0;
    double dampening = 0.0;
    bool nesterov = false;
};

class Sgd {
  public:
    /// The parameters must outlive the optimiser. Throws Error for options that do not go together.
    Sgd(std::vector<nn::NamedParameter> parameters, const SgdOptions& options);

    /// Forgets all gradients; their memory is kept.
    void zero_gradients();
    /// Updates every parameter that has a gradient.
    void step(double learning_rate);

    const SgdOptions& options() const { return options_; }
    const std::vector<nn::NamedParameter>& parameters() const { return parameters_; }
    /// The momentum buffers, in the order of the parameters; undefined until the parameter's first step, and
    /// without momentum.
    std::vector<Tensor>& momentum_buffers() { return momentum_buffers_; }

  private:
    std::vector<nn::NamedParameter> parameters_;
    SgdOptions options_;
    std::vector<Tensor> momentum_buffers_;
};

}  // namespace vitrine::optim

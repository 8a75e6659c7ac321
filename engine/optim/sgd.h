// Stochastic gradient descent with momentum, weight decay, Nesterov and dampening: torch.optim.SGD's
// arithmetic, formula in kernels/optim.h.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "engine/nn/parameter.h"
#include "engine/safetensors.h"

namespace vitrine::optim {

struct SgdOptions {
    double momentum = 0.0;
    double weight_decay = 0.0;
    double dampening = 0.0;
    bool nesterov = false;
    /// If false, parameters that PyTorch keeps with one dimension are not decayed: the scales and shifts of
    /// norms, and biases. They are few and set the scale of activations, not the complexity of the function:
    /// He et al., "Bag of Tricks for Image Classification", 2019, 3.1.
    bool decay_norms_and_biases = true;
};

/// What clipping multiplies gradients of this norm by: max_norm / (norm + 1e-6), and at most 1.
double clip_coefficient(double norm, double max_norm);

class Sgd {
  public:
    /// The numbers of one step: what schedules move.
    struct Update {
        double learning_rate = 0.0;
        std::optional<double> momentum{};  // where it is not the options'
        /// What the gradients are multiplied by first: 1/N where those of N batches were accumulated.
        double gradient_scale = 1.0;
        /// If above 0, all scaled gradients shrink together until their norm is at most this:
        /// torch.nn.utils.clip_grad_norm_. Infinity asks for the norm and clips nothing.
        double max_norm = 0.0;
    };

    /// The parameters must outlive the optimiser. Throws Error for options that do not go together.
    Sgd(std::vector<nn::NamedParameter> parameters, const SgdOptions& options);

    /// For the steps from now on; the momentum buffers are kept. Throws Error as the constructor does, and
    /// nothing has changed then.
    void set_options(const SgdOptions& options);
    const SgdOptions& options() const { return options_; }
    /// The next step is a first one again.
    void reset_momentum();

    /// Forgets all gradients; their memory is kept. To accumulate the gradients of N batches call it before
    /// the first of them only.
    void zero_gradients();
    /// Updates every parameter that has a gradient; those gradients stay as they are. With `max_norm` the
    /// result is the norm of the scaled gradients before they were clipped, and if that is not finite nothing
    /// is updated.
    std::optional<double> step(const Update& update);
    void step(double learning_rate) { step(Update{.learning_rate = learning_rate}); }
    /// The norm of all gradients taken together, unscaled: of parameters without one nothing is added.
    double gradient_norm() const;

    const std::vector<nn::NamedParameter>& parameters() const { return parameters_; }

    /// The momentum buffers as "momentum.PARAMETER", in PyTorch's layout. A parameter that has taken no step
    /// with momentum yet has none.
    SafeTensors state() const;
    /// Takes the buffers of `state` in place of all present ones, to the bit. Tensors whose names do not
    /// begin with "momentum." are ignored. Throws Error naming `source` and a buffer of no parameter or of
    /// another shape; the optimiser is then unchanged.
    void load_state(const SafeTensors& state, const std::string& source);

  private:
    void launch(const Update& update, double gradient_scale);

    std::vector<nn::NamedParameter> parameters_;
    SgdOptions options_;
    /// In the order of the parameters; undefined until the parameter's first step with momentum.
    std::vector<Tensor> momentum_buffers_;
};

}  // namespace vitrine::optim

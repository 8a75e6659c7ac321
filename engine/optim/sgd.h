// Stochastic gradient descent with momentum, weight decay, Nesterov and dampening: torch.optim.SGD's
// arithmetic, formula in kernels/optim.h.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "engine/safetensors.h"
#include "engine/step/state.h"

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
    /// What the learning rate is multiplied by for each parameter, by its index in the state; empty: 1 for all.
    std::vector<double> rate_factors = {};

    bool operator==(const SgdOptions&) const = default;
};

class Sgd {
  public:
    /// The numbers of one step: what schedules move.
    struct Update {
        double learning_rate = 0.0;
        std::optional<double> momentum{};  // where it is not the options'
        /// What the gradients are multiplied by first: 1/N where those of N batches were accumulated.
        double gradient_scale = 1.0;
        const void* decision =
            nullptr;  // SgdUpdate's: the device's own word on the scale, and on whether at all
    };

    /// Of the trained parameters. The state must outlive the optimiser. Throws Error for options that do not go
    /// together.
    Sgd(FlatState& state, const SgdOptions& options);

    /// For the steps from now on; the momentum buffers are kept. Throws Error as the constructor does, and
    /// nothing has changed then.
    void set_options(const SgdOptions& options);
    const SgdOptions& options() const { return options_; }
    /// The next step is a first one again.
    void reset_momentum();

    /// Forgets all gradients; their memory is kept. To accumulate the gradients of N batches call it before
    /// the first of them only.
    void zero_gradients();
    /// Updates every parameter that has a gradient; those gradients stay as they are.
    void step(const Update& update);
    void step(double learning_rate) { step(Update{.learning_rate = learning_rate}); }
    /// By parameter: whether it has taken a step with momentum.
    const std::vector<bool>& started() const { return started_; }
    /// The buffer of a parameter, by its index in the state, as a view; undefined before its first step with momentum.
    Tensor momentum(size_t index) const;
    /// The norm of all gradients taken together, unscaled, on the device [1]: of parameters without one nothing
    /// is added. Undefined where nothing is trained.
    Tensor gradient_norm() const;

    /// The momentum buffers as "momentum.PARAMETER", in PyTorch's layout. A parameter that has taken no step
    /// with momentum yet has none.
    SafeTensors state() const;
    /// Takes the buffers of `state` in place of all present ones, to the bit. Tensors whose names do not
    /// begin with "momentum." are ignored. Throws Error naming `source` and a buffer of no parameter or of
    /// another shape; the optimiser is then unchanged.
    void load_state(const SafeTensors& state, const std::string& source);

  private:
    double rate_factor(size_t index) const {
        return options_.rate_factors.empty() ? 1.0 : options_.rate_factors[index];
    }
    bool has_gradient(size_t index) const { return state_.parameter(index).value.gradient().defined(); }

    FlatState& state_;
    SgdOptions options_;
    std::set<double> distinct_factors_;
    Tensor momentum_;            // laid out as the gradients; undefined until the first step with momentum
    std::vector<bool> started_;  // by parameter: whether it has taken one
};

}  // namespace vitrine::optim

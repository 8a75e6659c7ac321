// An exponential moving average of a model: its state averaged over the last steps, which usually classifies
// better than the last step's. Polyak and Juditsky, "Acceleration of stochastic approximation by averaging",
// 1992.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "engine/nn/module.h"
#include "engine/safetensors.h"

namespace vitrine::optim {

/// min(decay, (1 + updates) / (10 + updates)): TensorFlow's ExponentialMovingAverage with num_updates. A
/// decay near 1 alone would weigh the first, untrained values by decay^updates: with 0.9999 still 37% after
/// 10,000 steps. So the average begins short and grows to 1 / (1 − decay) steps.
double warmed_up_decay(double decay, int64_t updates);

/// As torch.optim.swa_utils.AveragedModel with get_ema_multi_avg_fn(decay) and use_buffers: the first update
/// copies, later ones are average = decay · average + (1 − decay) · model, for parameters and batch norm's
/// running statistics alike. Counters are copied (there they are averaged and cut off to integers).
class Ema {
  public:
    /// The model must outlive it.
    explicit Ema(nn::Module& model);

    /// After a step. Throws Error for a decay outside 0 … 1.
    void update(double decay);
    int64_t updates() const { return updates_; }

    /// Exchanges the model's state and the average, to evaluate or to save the average; a second call takes
    /// both back. In between update(), state() and load_state() are std::logic_errors.
    void swap();

    /// The averages as "ema.NAME" in PyTorch's layout, and how many updates there were as "ema_updates".
    SafeTensors state() const;
    /// To the bit. Tensors of other names are ignored. Throws Error naming `source` and the first tensor that
    /// is missing, of another model or of another shape; the average is then unchanged.
    void load_state(const SafeTensors& state, const std::string& source);

  private:
    void require_own_state() const;

    std::vector<nn::NamedParameter> model_;
    std::vector<Tensor> averages_;  // in the order of model_
    int64_t updates_ = 0;
    bool swapped_ = false;
};

}  // namespace vitrine::optim

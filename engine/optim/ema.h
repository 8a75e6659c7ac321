// An exponential moving average of a model: its state averaged over the last steps, which usually classifies
// better than the last step's. Polyak and Juditsky, "Acceleration of stochastic approximation by averaging",
// 1992.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "engine/safetensors.h"
#include "engine/step/state.h"

namespace vitrine::optim {

/// As torch.optim.swa_utils.AveragedModel with get_ema_multi_avg_fn(decay) and use_buffers: the first update
/// copies, later ones are average = decay · average + (1 − decay) · model, for parameters and batch norm's
/// running statistics alike. Counters are copied (there they are averaged and cut off to integers).
class Ema {
  public:
    /// Of all that the state holds, as it is now. The state must outlive the average.
    explicit Ema(FlatState& state);

    /// Begins anew with the model as it is now.
    void restart();

    /// After a step. Throws Error for a decay outside 0 … 1.
    void update(double decay);
    /// The same where the device has decided (EmaUpdate's `decision`): which of these updates were made is told
    /// later, by count_updates().
    void update_as_decided(const void* decision);
    void count_updates(int64_t made) { updates_ += made; }
    /// The part of it that the host does: the model's counters are the average's.
    void copy_counters();
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
    void launch(double decay, const void* decision);
    /// Of one parameter, in its shape.
    Tensor average_of(size_t index) const;

    FlatState& model_;
    Tensor average_;                // laid out as the values
    std::vector<Tensor> counters_;  // by parameter; undefined for what is none
    int64_t updates_ = 0;
    bool swapped_ = false;
};

}  // namespace vitrine::optim

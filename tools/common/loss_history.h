// What the loss did before a run came to a bad end: the steps that a sentence about its last one leaves out.
#pragma once

#include <cstdint>
#include <deque>
#include <string>

namespace vitrine::tools {

/// The last thousand steps of a run.
class LossHistory {
  public:
    /// A batch of the step that comes next.
    void add_batch(double loss);
    /// The step's batches were all added; the norm of all its gradients together is 0 where nobody measured it.
    void end_step(int64_t step, double gradient_norm);

    /// How the loss left its usual range: "Before that, the loss was 2.3 at step 40 (gradient norm 1.2), 7.9 at 41
    /// (gradient norm 35), 3.1e+04 at 43 (gradient norm 9e+08) and 7e+35 at 45 (gradient norm not finite)". At most four steps:
    /// the last usual one, the first after it, one from the middle and the last. Where the last was as usual it says
    /// that. Empty without any step.
    ///
    /// A step is usual whose loss is at most twice the median of those before it, and so is the first.
    std::string told() const;

  private:
    struct Step {
        int64_t number;
        double loss, gradient_norm;
    };

    /// The index of the last usual step.
    size_t last_usual() const;

    std::deque<Step> steps_;
    double loss_sum_ = 0.0;  // of the batches since the last step
    int64_t batches_ = 0;
};

}  // namespace vitrine::tools

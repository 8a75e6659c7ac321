// What a model is judged by: loss, top-1 and top-5 accuracy, collected over batches.
#pragma once

#include <cstdint>
#include <span>

#include "tools/common/training_step.h"

namespace vitrine::tools {

/// The place of the label among the classes by falling logit: 0 is right at first guess. A class with an
/// equal logit comes before the label if its number is lower. A logit that is not a number always comes
/// before.
int64_t rank_of_label(std::span<const float> logits, int32_t label);

/// Means over samples: each batch counts by its size.
class Scores {
  public:
    /// `output` of the batch with these labels.
    void add(const StepOutput& output, std::span<const int32_t> labels);

    int64_t count() const { return count_; }
    double loss() const { return mean(loss_sum_); }
    double accuracy() const { return mean(static_cast<double>(top1_)); }
    /// With fewer than five classes always 1: every class is among the first five.
    double top5() const { return mean(static_cast<double>(top5_)); }

  private:
    double mean(double sum) const { return count_ == 0 ? 0.0 : sum / static_cast<double>(count_); }

    int64_t count_ = 0, top1_ = 0, top5_ = 0;
    double loss_sum_ = 0.0;
};

}  // namespace vitrine::tools

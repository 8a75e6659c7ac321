// What a model is judged by: loss, top-1 and top-5 accuracy, collected over batches.
#pragma once

#include <cstdint>
#include <limits>
#include <span>

#include "tools/common/training_step.h"

namespace vitrine::tools {

/// The place of the label among the classes by falling logit: 0 is right at first guess. A class with an
/// equal logit comes before the label if its number is lower. Logits that are not all finite rank nothing:
/// the label is then `unranked`, behind any number of classes.
inline constexpr int64_t unranked = std::numeric_limits<int64_t>::max();
int64_t rank_of_label(std::span<const float> logits, int32_t label);

/// Means over samples: each batch counts by its size.
class Scores {
  public:
    /// Over samples: what a checkpoint keeps of scores that are not complete.
    struct Sums {
        int64_t count = 0, top1 = 0, top5 = 0;
        double loss = 0.0;
    };
    Scores() = default;
    explicit Scores(const Sums& sums) : sums_(sums) {}
    const Sums& sums() const { return sums_; }

    /// `output` of the batch with these labels.
    void add(const StepOutput& output, std::span<const int32_t> labels);

    int64_t count() const { return sums_.count; }
    double loss() const { return mean(sums_.loss); }
    double accuracy() const { return mean(static_cast<double>(sums_.top1)); }
    /// With fewer than five classes 1, if the logits are finite: every class is among the first five.
    double top5() const { return mean(static_cast<double>(sums_.top5)); }

  private:
    double mean(double sum) const { return sums_.count == 0 ? 0.0 : sum / static_cast<double>(sums_.count); }

    Sums sums_;
};

}  // namespace vitrine::tools

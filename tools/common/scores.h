// What a model is judged by: loss, top-1 and top-5 accuracy, collected over batches.
#pragma once

#include <cstdint>
#include <span>

#include "engine/step/evaluate.h"
#include "engine/step/scalars.h"

namespace vitrine::tools {

/// The place of the label among the classes by falling logit, as kernels/scores.h has it.
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

    /// Of a batch with these labels.
    void add(const Evaluation& evaluation, std::span<const int32_t> labels);
    /// Of a batch of so many samples, scored on the device.
    void add(const BatchResult& result, int64_t count);

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

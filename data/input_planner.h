// What happens to the samples of a batch before the network sees them, decided on the host: which programs, boxes
// and mixtures. What they make of the pixels is the device's (engine/step/input.h).
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "data/loader.h"
#include "data/transforms/pipeline.h"
#include "engine/augment.h"

namespace vitrine {

/// A pure function of the seed, the epoch, the batch's index, its samples, and where they can come again in the
/// epoch, their positions there: each time that one comes something else is drawn for it.
class InputPlanner {
  public:
    /// Throws Error where images of the set could end at more than one size: a batch has but one.
    InputPlanner(const ImageSet& set, const TrainTransform& transform, uint64_t seed);
    InputPlanner(const ImageSet& set, const EvalTransform& transform);

    /// Image n of the batch is that of its n-th sample, at batch.places[n].
    InputPlan plan(const Batch& batch, uint32_t epoch) const;
    /// Of the images that the network gets.
    Size2 output_size() const { return out_; }

  private:
    AugmentBatch draw_programs(const Batch& batch, uint32_t epoch) const;
    void draw_program(int64_t image, uint32_t epoch, Program& program) const;
    std::vector<ErasedBox> draw_boxes(const std::vector<uint32_t>& images, uint32_t epoch) const;
    void draw_mixture(const Batch& batch, uint32_t epoch, InputPlan& plan) const;

    uint64_t seed_ = 0;
    Size2 out_;
    std::optional<TrainTransform> train_;
    EvalTransform evaluation_;
    ImageFinish finish_;             // the same for all batches
    std::vector<uint32_t> poisson_;  // where there is noise
};

}  // namespace vitrine

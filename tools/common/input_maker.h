// The entrance to the network: a set's samples, augmented and normalised, as tensors on the training device.
//
// Where it can be, the whole set is there before the first step: on a device that reads the host's memory
// its kernels read the set's own pixels, mapped files included; any other device gets a copy, if that takes
// no more than half of the memory that is free. A step then sends nothing to the device but the batch's
// indices, labels and programs.
#pragma once

#include <cstdint>
#include <vector>

#include "data/image_set.h"
#include "data/input_planner.h"
#include "data/loader.h"
#include "engine/step/input.h"
#include "engine/tensor.h"

namespace vitrine {

/// Plans a batch (data/input_planner.h) and has it made, with the same result on every device.
class InputMaker {
  public:
    /// Throws Error where images of the set could end at more than one size: a batch has but one.
    InputMaker(const ImageSet& set, const TrainTransform& transform, Placement placement, uint64_t seed);
    InputMaker(const ImageSet& set, const EvalTransform& transform, Placement placement);

    /// Whether make() reads batch.images (LoaderOptions::pixels); else the device has all images already.
    bool needs_pixels() const { return !whole_set_.defined(); }
    /// `batch` is of the set's loader.
    NetworkInput make(const Batch& batch, uint32_t epoch) const;
    /// What make() makes it of: pixels, and what becomes of them; the maker must outlive it.
    struct Planned {
        Tensor pixels;
        InputPlan plan;
    };
    Planned plan(const Batch& batch, uint32_t epoch) const;
    /// Of the images that the network gets.
    Size2 output_size() const { return planner_.output_size(); }

  private:
    InputMaker(const ImageSet& set, InputPlanner planner, Placement placement);
    void keep_whole_set(const ImageSet& set);
    Tensor pixels(const Batch& batch) const;

    Placement placement_;
    InputPlanner planner_;
    Tensor whole_set_;                // u8 pixels; undefined: batches bring theirs
    std::vector<ImagePlace> places_;  // of each sample in whole_set_
};

}  // namespace vitrine

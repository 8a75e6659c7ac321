// The entrance to the network: a set's samples, augmented and normalised, as tensors on the training device.
//
// Where it can be, the whole set is there before the first step: on a device that reads the host's memory
// its kernels read the set's own pixels, mapped files included; any other device gets a copy, if that takes
// no more than half of the memory that is free. A step then sends nothing to the device but the batch's
// indices, labels and programs. Of a larger set each batch's pixels are sent, by the device, from where the loader has put them.
#pragma once

#include <cstdint>
#include <optional>
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
    /// `room`: bytes that a device with memory of its own has for the set; none: half of what is free.
    InputMaker(const ImageSet& set, const TrainTransform& transform, Placement placement, uint64_t seed,
               std::optional<int64_t> room = {});
    InputMaker(const ImageSet& set, const EvalTransform& transform, Placement placement,
               std::optional<int64_t> room = {});

    /// Whether make() reads batch.images; else the device has all images already.
    bool needs_pixels() const { return !whole_set_.defined(); }
    /// Sets what it needs of the batches.
    void ask(LoaderOptions& options) const;
    Device device() const { return placement_.device; }
    /// `batch` is of the set's loader, and must stay as it is until batch.images.wait() has returned.
    NetworkInput make(const Batch& batch, uint32_t epoch) const { return make(batch, batch.images, epoch); }
    /// Of a part of a batch (part_of), whose pixels are the batch's.
    NetworkInput make(const Batch& part, const HostBytes& images, uint32_t epoch) const;
    /// What make() makes it of: pixels, and what becomes of them; the maker must outlive it.
    struct Planned {
        Tensor pixels;
        InputPlan plan;
    };
    Planned plan(const Batch& batch, uint32_t epoch) const { return plan(batch, batch.images, epoch); }
    Planned plan(const Batch& part, const HostBytes& images, uint32_t epoch) const;
    /// Of the images that the network gets.
    Size2 output_size() const { return planner_.output_size(); }

  private:
    InputMaker(const ImageSet& set, InputPlanner planner, Placement placement, std::optional<int64_t> room);
    void keep_whole_set(const ImageSet& set, std::optional<int64_t> room);
    Tensor sent(const HostBytes& images, std::vector<ImagePlace>& places) const;

    Placement placement_;
    InputPlanner planner_;
    Tensor whole_set_;                // u8 pixels; undefined: batches bring theirs
    std::vector<ImagePlace> places_;  // of each sample in whole_set_
};

}  // namespace vitrine

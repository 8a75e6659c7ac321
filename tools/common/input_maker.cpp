// Samples become the network's input: see input_maker.h.

#include "tools/common/input_maker.h"

#include <numeric>
#include <span>
#include <utility>

#include "engine/memory.h"

namespace vitrine {

InputMaker::InputMaker(const ImageSet& set, InputPlanner planner, Placement placement)
    : placement_(placement), in_{set.height, set.width}, planner_(std::move(planner)) {
    keep_whole_set(set);
}

InputMaker::InputMaker(const ImageSet& set, const TrainTransform& transform, Placement placement,
                       uint64_t seed)
    : InputMaker(set, InputPlanner({set.height, set.width}, transform, seed), placement) {}

InputMaker::InputMaker(const ImageSet& set, const EvalTransform& transform, Placement placement)
    : InputMaker(set, InputPlanner({set.height, set.width}, transform), placement) {}

void InputMaker::keep_whole_set(const ImageSet& set) {
    const Device device = placement_.device;
    if (reads_host_memory(device)) {
        rows_ = set.rows;
        whole_set_ = Tensor::of_host_memory(set.pixels.owner, set.pixels.data,
                                            {set.pixels.images, set.height, set.width, 3}, device);
        return;
    }
    if (static_cast<size_t>(set.count * set.image_bytes()) > free_memory(device) / 2) return;
    rows_.resize(static_cast<size_t>(set.count));
    std::iota(rows_.begin(), rows_.end(), 0);
    whole_set_ = Tensor::empty({set.count, set.height, set.width, 3}, {DType::u8, device});
    for (int64_t i = 0; i < set.count; ++i) {
        const auto bytes = static_cast<size_t>(set.image_bytes());
        whole_set_.assign_part(i * set.image_bytes(), std::span<const uint8_t>(set.image(i), bytes));
    }
}

Tensor InputMaker::sources(const Batch& batch) const {
    if (!needs_pixels()) return whole_set_;
    return Tensor::from_host(batch.images, {batch.count, in_.height, in_.width, 3},
                             {DType::u8, placement_.device});
}

NetworkInput InputMaker::make(const Batch& batch, uint32_t epoch) const {
    InputPlan plan = planner_.plan(batch, epoch);
    if (!needs_pixels()) {
        for (const int64_t sample : batch.samples)
            plan.programs.samples.push_back(rows_.at(static_cast<size_t>(sample)));
    }
    return make_input(sources(batch), plan, placement_.dtype);
}

}  // namespace vitrine

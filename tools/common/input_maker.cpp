// Samples become the network's input: see input_maker.h.

#include "tools/common/input_maker.h"

#include <algorithm>
#include <span>
#include <utility>

#include "engine/memory.h"

namespace vitrine {

InputMaker::InputMaker(const ImageSet& set, InputPlanner planner, Placement placement)
    : placement_(placement), planner_(std::move(planner)) {
    keep_whole_set(set);
}

InputMaker::InputMaker(const ImageSet& set, const TrainTransform& transform, Placement placement,
                       uint64_t seed)
    : InputMaker(set, InputPlanner(set, transform, seed), placement) {}

InputMaker::InputMaker(const ImageSet& set, const EvalTransform& transform, Placement placement)
    : InputMaker(set, InputPlanner(set, transform), placement) {}

void InputMaker::keep_whole_set(const ImageSet& set) {
    const Device device = placement_.device;
    for (int64_t i = 0; i < set.count; ++i) places_.push_back(set.place(i));
    if (reads_host_memory(device)) {
        int64_t end = 0;
        for (const ImagePlace& place : places_) end = std::max(end, place.offset + place.bytes());
        whole_set_ = Tensor::of_host_memory(set.pixels.owner, set.pixels.data, {end}, device);
        return;
    }
    const int64_t bytes = set.bytes();
    if (static_cast<size_t>(bytes) > free_memory(device) / 2) return;
    whole_set_ = Tensor::empty({bytes}, {DType::u8, device});
    int64_t end = 0;
    for (int64_t i = 0; i < set.count; ++i) {
        ImagePlace& place = places_[static_cast<size_t>(i)];
        place.offset = end;
        end += place.bytes();
        whole_set_.assign_part(place.offset, std::span(set.image(i), static_cast<size_t>(place.bytes())));
    }
}

Tensor InputMaker::pixels(const Batch& batch) const {
    if (!needs_pixels()) return whole_set_;
    return Tensor::from_host(batch.images, {std::ssize(batch.images)}, {DType::u8, placement_.device});
}

InputMaker::Planned InputMaker::plan(const Batch& batch, uint32_t epoch) const {
    InputPlan plan = planner_.plan(batch, epoch);
    if (!needs_pixels()) {
        for (size_t n = 0; n < batch.samples.size(); ++n)
            plan.programs.places[n] = places_.at(static_cast<size_t>(batch.samples[n]));
    }
    return {pixels(batch), std::move(plan)};
}

NetworkInput InputMaker::make(const Batch& batch, uint32_t epoch) const {
    const Planned planned = plan(batch, epoch);
    return make_input(planned.pixels, planned.plan, placement_.dtype);
}

}  // namespace vitrine

// Samples become the network's input: see input_maker.h.

#include "tools/common/input_maker.h"

#include <algorithm>
#include <span>
#include <utility>

#include "engine/memory.h"

namespace vitrine {

InputMaker::InputMaker(const ImageSet& set, InputPlanner planner, Placement placement,
                       std::optional<int64_t> room)
    : placement_(placement), planner_(std::move(planner)) {
    keep_whole_set(set, room);
}

InputMaker::InputMaker(const ImageSet& set, const TrainTransform& transform, Placement placement,
                       uint64_t seed, std::optional<int64_t> room)
    : InputMaker(set, InputPlanner(set, transform, seed), placement, room) {}

InputMaker::InputMaker(const ImageSet& set, const EvalTransform& transform, Placement placement,
                       std::optional<int64_t> room)
    : InputMaker(set, InputPlanner(set, transform), placement, room) {}

void InputMaker::keep_whole_set(const ImageSet& set, std::optional<int64_t> room) {
    const Device device = placement_.device;
    for (int64_t i = 0; i < set.count; ++i) places_.push_back(set.place(i));
    if (reads_host_memory(device)) {
        int64_t end = 0;
        for (const ImagePlace& place : places_) end = std::max(end, place.offset + place.bytes());
        whole_set_ = Tensor::of_host_memory(set.pixels.owner, set.pixels.data, {end}, device);
        return;
    }
    const int64_t bytes = set.bytes();
    if (!room) room = static_cast<int64_t>(free_memory(device) / 2);
    if (bytes > *room) return;
    whole_set_ = Tensor::empty({bytes}, {DType::u8, device});
    int64_t end = 0;
    for (int64_t i = 0; i < set.count; ++i) {
        ImagePlace& place = places_[static_cast<size_t>(i)];
        place.offset = end;
        end += place.bytes();
        whole_set_.assign_part(place.offset, std::span(set.image(i), static_cast<size_t>(place.bytes())));
    }
}

void InputMaker::ask(LoaderOptions& options) const {
    options.pixels = needs_pixels();
    options.sent_to = placement_.device;
}

/// The pixels of these places, which lie one after the other, on the device; the places are then within them.
Tensor InputMaker::sent(const HostBytes& images, std::vector<ImagePlace>& places) const {
    const int64_t first = places.front().offset;
    const int64_t bytes = places.back().offset + places.back().bytes() - first;
    const Tensor pixels = Tensor::empty({bytes}, {DType::u8, placement_.device});
    images.send(placement_.device, pixels.data(), static_cast<size_t>(first), pixels.bytes());
    for (ImagePlace& place : places) place.offset -= first;
    return pixels;
}

InputMaker::Planned InputMaker::plan(const Batch& part, const HostBytes& images, uint32_t epoch) const {
    InputPlan plan = planner_.plan(part, epoch);
    if (needs_pixels()) {
        Tensor pixels = sent(images, plan.programs.places);
        return {std::move(pixels), std::move(plan)};
    }
    for (size_t n = 0; n < part.samples.size(); ++n)
        plan.programs.places[n] = places_.at(static_cast<size_t>(part.samples[n]));
    return {whole_set_, std::move(plan)};
}

NetworkInput InputMaker::make(const Batch& part, const HostBytes& images, uint32_t epoch) const {
    const Planned planned = plan(part, images, epoch);
    return make_input(planned.pixels, planned.plan, placement_.dtype);
}

}  // namespace vitrine

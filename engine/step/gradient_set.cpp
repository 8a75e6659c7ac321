// Gradients of a shard: see gradient_set.h.

#include "engine/step/gradient_set.h"

namespace vitrine {

GradientSet::GradientSet(FlatState& state) : state_(state), array_(state.zeros(state.trained_count())) {
    for (size_t index = 0; index < state.parameters().size(); ++index) {
        if (!state.is_trained(index)) continue;
        const Tensor part = state.part(array_, index);
        trained_.push_back(index);
        slots_.emplace_back(part.shape(), part.placement()).collect_in(part);
    }
}

void GradientSet::clear() {
    for (GradientSlot& slot : slots_) slot.clear();
}

void GradientSet::exchange() {
    for (size_t i = 0; i < trained_.size(); ++i) {
        const auto& slot = state_.parameter(trained_[i]).value.slot();
        if (slot) slot->exchange_collected(slots_[i]);
    }
}

}  // namespace vitrine

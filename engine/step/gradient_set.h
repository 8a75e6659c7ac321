// Gradients of all trained parameters of a shard, where several shards have theirs at once: an array laid out as the state's.
#pragma once

#include <vector>

#include "engine/autograd.h"
#include "engine/step/state.h"

namespace vitrine {

class GradientSet {
  public:
    /// The state must outlive it.
    explicit GradientSet(FlatState& state);

    /// Forgets the gradients.
    void clear();
    /// Parameters collect here what they collected elsewhere, and the other way round; a second one undoes it. Frozen ones, which
    /// collect none, are left out.
    void exchange();
    /// [trained_count]; zeros between the parameters, as everywhere.
    const Tensor& array() const { return array_; }

  private:
    FlatState& state_;
    Tensor array_;
    std::vector<size_t> trained_;      // parameters, by index
    std::vector<GradientSlot> slots_;  // of each of them
};

}  // namespace vitrine

// Sums over the ranges of a state: see add_gradients.h.

#include "engine/step/add_gradients.h"

#include "kernels/kernels.h"

namespace vitrine {
namespace {

void* at(const Tensor& array, const Range& range) { return array.part(range.begin, {range.count()}).data(); }

}  // namespace

void add_gradients(const FlatState& state, const SumOfGradients& arrays,
                   const std::function<bool(size_t index)>& wanted) {
    const auto is_added = [&](size_t index) {
        return wanted(index) && state.parameter(index).value.gradient().defined();
    };
    for (const Range& range : state.ranges_of(is_added)) {
        kernels(state.placement().device)
            .add_forward({.dtype = state.placement().dtype,
                          .count = range.count(),
                          .a = at(arrays.a, range),
                          .b = at(arrays.b, range),
                          .y = at(arrays.sum, range)});
    }
}

}  // namespace vitrine

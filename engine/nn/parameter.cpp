// Layouts of parameters: see parameter.h.

#include "engine/nn/parameter.h"

#include <numeric>

namespace vitrine::nn {
namespace {

/// For each element in PyTorch's order, the index of the same element in ours.
std::vector<size_t> gather_order(const TorchLayout& layout) {
    const auto& extents = layout.view.extents();
    const size_t rank = extents.size();
    std::vector<size_t> strides(rank, 1);
    for (size_t axis = rank; axis-- > 1;)
        strides[axis - 1] = strides[axis] * static_cast<size_t>(extents[axis]);

    std::vector<size_t> order(static_cast<size_t>(layout.view.count()));
    std::vector<int64_t> index(rank, 0);  // in PyTorch's order of axes
    for (size_t& ours : order) {
        ours = 0;
        for (size_t i = 0; i < rank; ++i) {
            ours += static_cast<size_t>(index[i]) * strides[static_cast<size_t>(layout.order[i])];
        }
        for (size_t i = rank; i-- > 0;) {
            if (++index[i] < extents[static_cast<size_t>(layout.order[i])]) break;
            index[i] = 0;
        }
    }
    return order;
}

}  // namespace

TorchLayout TorchLayout::same(const Shape& shape) {
    std::vector<int> order(shape.rank());
    std::iota(order.begin(), order.end(), 0);
    return {shape, order, shape};
}

std::vector<double> to_torch(const std::vector<double>& ours, const TorchLayout& layout) {
    const std::vector<size_t> order = gather_order(layout);
    std::vector<double> theirs(order.size());
    for (size_t i = 0; i < order.size(); ++i) theirs[i] = ours[order[i]];
    return theirs;
}

std::vector<double> from_torch(const std::vector<double>& theirs, const TorchLayout& layout) {
    const std::vector<size_t> order = gather_order(layout);
    std::vector<double> ours(order.size());
    for (size_t i = 0; i < order.size(); ++i) ours[order[i]] = theirs[i];
    return ours;
}

void Parameter::round() {
    if (rounded.defined()) rounded.assign(std::span<const double>(value.to_host<double>()));
}

}  // namespace vitrine::nn

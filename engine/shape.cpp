// The shape of a tensor: see shape.h.

#include "engine/shape.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace vitrine {

int64_t Shape::operator[](int axis) const {
    return extents_.at(static_cast<size_t>(axis < 0 ? axis + static_cast<int>(rank()) : axis));
}

int64_t Shape::count() const {
    int64_t product = 1;
    for (int64_t extent : extents_) product *= extent;
    return product;
}

std::string Shape::to_string() const { return fmt::format("[{}]", fmt::join(extents_, ", ")); }

}  // namespace vitrine

// The shape of a tensor: its extents, outermost first. Images are [batch, height, width, channels].
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <vector>

namespace vitrine {

class Shape {
  public:
    Shape() = default;
    Shape(std::initializer_list<int64_t> extents) : extents_(extents) {}
    explicit Shape(std::vector<int64_t> extents) : extents_(std::move(extents)) {}

    size_t rank() const { return extents_.size(); }
    /// Extent of an axis; negative axes count from the last one.
    int64_t operator[](int axis) const;
    /// Number of elements; 1 for a scalar.
    int64_t count() const;
    const std::vector<int64_t>& extents() const { return extents_; }
    /// "[32, 112, 112, 96]"
    std::string to_string() const;

    bool operator==(const Shape&) const = default;

  private:
    std::vector<int64_t> extents_;
};

}  // namespace vitrine

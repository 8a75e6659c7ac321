// Tensor: a handle to a contiguous array on a device, and to the place where its gradient is collected.
//
// Copying a Tensor copies the handle. There are no strides: layouts are fixed (kernels/README.md), so a view
// can only change the shape.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "engine/shape.h"
#include "kernels/device.h"
#include "kernels/dtype.h"

namespace vitrine {

class GradientSlot;

/// Where tensors live and what their elements are.
struct Placement {
    DType dtype = DType::f32;
    Device device = Device::cpu;

    /// For what is f32 beside 16-bit elements: sums, channels' numbers, parameters (kernels/dtype.h).
    Placement accumulated() const { return {accumulate_of(dtype), device}; }
};

class Tensor {
  public:
    Tensor() = default;

    /// Uninitialised elements.
    static Tensor empty(Shape shape, Placement placement);
    static Tensor zeros(Shape shape, Placement placement);
    /// No elements, only the gradient of a tensor of this shape.
    static Tensor of_gradient(Shape shape, Placement placement);
    /// Uninitialised, with the shape and placement of another one, and no gradient.
    static Tensor like(const Tensor& other) { return empty(other.shape(), other.placement()); }
    /// Copies shape.count() values of the host; T must be the C++ type of a DType. Floating-point values are
    /// converted where `placement` asks for the other precision.
    template <class T>
    static Tensor from_host(std::span<const T> values, Shape shape, Placement placement);
    template <class T>
    static Tensor from_host(const std::vector<T>& values, Shape shape, Placement placement) {
        return from_host(std::span<const T>(values), std::move(shape), placement);
    }

    /// Elements that lie in the host's memory, only to be read: used there where the device's kernels can
    /// read them (`owner` then lives as long as the tensor), else copied.
    template <class T>
    static Tensor of_host_memory(std::shared_ptr<const void> owner, const T* values, Shape shape,
                                 Device device);

    bool defined() const { return memory_ != nullptr; }
    const Shape& shape() const { return shape_; }
    int64_t count() const { return shape_.count(); }
    size_t bytes() const { return static_cast<size_t>(count()) * size_of(placement_.dtype); }
    DType dtype() const { return placement_.dtype; }
    Device device() const { return placement_.device; }
    Placement placement() const { return placement_; }
    void* data() const { return memory_.get(); }
    /// Whether another tensor uses the same memory.
    bool shares_memory() const { return memory_.use_count() > 1; }

    /// All elements on the host, converted to T if they are of the other floating-point precision.
    template <class T>
    std::vector<T> to_host() const;
    /// The only element of a tensor of one.
    double item() const;
    /// Overwrites all elements with values of the host (same conversions as from_host).
    template <class T>
    void assign(std::span<const T> values);
    /// Overwrites the elements from `first` on; T is the tensor's type.
    template <class T>
    void assign_part(int64_t first, std::span<const T> values);
    void assign_zero();
    void assign_copy(const Tensor& other);

    /// The same memory under another shape of the same count, without a gradient (ops::reshape keeps it).
    Tensor viewed_as(Shape shape) const;
    /// This tensor, whose gradient is collected as the other's: of the same numbers, rounded to a 16-bit type.
    Tensor with_gradient_of(const Tensor& other) const;
    /// The elements from `first` on, as many as the shape has: the same memory, without a gradient.
    Tensor part(int64_t first, Shape shape) const;

    /// Leaf tensors (parameters) ask for a gradient before they are copied or used; ops give one to their
    /// outputs.
    Tensor& require_gradient();
    bool requires_gradient() const { return slot_ != nullptr; }
    /// Null if no gradient is wanted.
    const std::shared_ptr<GradientSlot>& slot() const { return slot_; }
    /// The collected gradient; undefined if there is none.
    Tensor gradient() const;

  private:
    std::shared_ptr<void> memory_;
    Shape shape_;
    Placement placement_;
    std::shared_ptr<GradientSlot> slot_;
};

}  // namespace vitrine

// Tensor: see tensor.h.

#include "engine/tensor.h"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>
#include <type_traits>

#include "engine/autograd.h"
#include "engine/memory.h"
#include "kernels/runtime.h"

namespace vitrine {

Tensor Tensor::empty(Shape shape, Placement placement) {
    Tensor tensor;
    tensor.shape_ = std::move(shape);
    tensor.placement_ = placement;
    tensor.memory_ = allocate(placement.device, tensor.bytes());
    return tensor;
}

Tensor Tensor::zeros(Shape shape, Placement placement) {
    Tensor tensor = empty(std::move(shape), placement);
    tensor.assign_zero();
    return tensor;
}

template <class T>
Tensor Tensor::from_host(std::span<const T> values, Shape shape, Placement placement) {
    Tensor tensor = empty(std::move(shape), placement);
    tensor.assign(values);
    return tensor;
}

template <class T>
Tensor Tensor::of_host_memory(std::shared_ptr<const void> owner, const T* values, Shape shape,
                              Device device) {
    const auto count = static_cast<size_t>(shape.count());
    if (!runtime(device).reads_host_memory)
        return from_host(std::span<const T>(values, count), std::move(shape), {dtype_of<T>, device});
    Tensor tensor;
    tensor.shape_ = std::move(shape);
    tensor.placement_ = {dtype_of<T>, device};
    tensor.memory_ = std::shared_ptr<void>(const_cast<T*>(values), [owner = std::move(owner)](void*) {});
    return tensor;
}

template <class T>
void Tensor::assign_part(int64_t first, std::span<const T> values) {
    if (dtype_of<T> != dtype() || first < 0 || first + static_cast<int64_t>(values.size()) > count()) {
        throw std::logic_error(fmt::format("{} values from {} on for a tensor of shape {} and type {}",
                                           values.size(), first, shape_.to_string(), name_of(dtype())));
    }
    runtime(device()).copy_from_host(static_cast<T*>(data()) + first, values.data(), values.size_bytes());
}

template <class T>
void Tensor::assign(std::span<const T> values) {
    if (static_cast<int64_t>(values.size()) != count()) {
        throw std::logic_error(
            fmt::format("{} values for a tensor of shape {}", values.size(), shape_.to_string()));
    }
    if (dtype_of<T> == dtype()) {
        runtime(device()).copy_from_host(data(), values.data(), bytes());
        return;
    }
    if constexpr (std::is_floating_point_v<T>) {
        dispatch_storage(dtype(), [&]<class To>() {
            std::vector<To> converted(values.size());
            std::ranges::transform(values, converted.begin(), [](T value) { return static_cast<To>(value); });
            runtime(device()).copy_from_host(data(), converted.data(), bytes());
        });
    } else {
        throw std::logic_error("integers are not converted");
    }
}

template <class T>
std::vector<T> Tensor::to_host() const {
    std::vector<T> values(static_cast<size_t>(count()));
    if (dtype_of<T> == dtype()) {
        runtime(device()).copy_to_host(values.data(), data(), bytes());
        return values;
    }
    if constexpr (std::is_floating_point_v<T>) {
        dispatch_storage(dtype(), [&]<class From>() {
            std::vector<From> raw(values.size());
            runtime(device()).copy_to_host(raw.data(), data(), bytes());
            std::ranges::transform(raw, values.begin(), [](From value) { return static_cast<T>(value); });
        });
        return values;
    } else {
        throw std::logic_error("integers are not converted");
    }
}

#define INSTANTIATE(T)                                                                               \
    template Tensor Tensor::from_host<T>(std::span<const T>, Shape, Placement);                      \
    template Tensor Tensor::of_host_memory<T>(std::shared_ptr<const void>, const T*, Shape, Device); \
    template void Tensor::assign<T>(std::span<const T>);                                             \
    template void Tensor::assign_part<T>(int64_t, std::span<const T>);                               \
    template std::vector<T> Tensor::to_host<T>() const;
INSTANTIATE(float)
INSTANTIATE(double)
INSTANTIATE(int32_t)
INSTANTIATE(uint8_t)
#undef INSTANTIATE

double Tensor::item() const {
    if (count() != 1) throw std::logic_error("item() of a tensor of shape " + shape_.to_string());
    return to_host<double>().front();
}

void Tensor::assign_zero() { runtime(device()).zero(data(), bytes()); }

void Tensor::assign_copy(const Tensor& other) {
    if (other.bytes() != bytes() || other.device() != device())
        throw std::logic_error("copy between unlike tensors");
    runtime(device()).copy(data(), other.data(), bytes());
}

Tensor Tensor::of_gradient(Shape shape, Placement placement) {
    Tensor tensor;
    tensor.shape_ = std::move(shape);
    tensor.placement_ = placement;
    tensor.require_gradient();
    return tensor;
}

Tensor Tensor::viewed_as(Shape shape) const {
    if (shape.count() != count()) {
        throw std::logic_error(fmt::format("{} viewed as {}", shape_.to_string(), shape.to_string()));
    }
    Tensor view = *this;
    view.shape_ = std::move(shape);
    view.slot_ = nullptr;
    return view;
}

Tensor Tensor::with_gradient_of(const Tensor& other) const {
    Tensor tensor = *this;
    tensor.slot_ = other.slot_;
    return tensor;
}

Tensor Tensor::part(int64_t first, Shape shape) const {
    if (first < 0 || first + shape.count() > count()) {
        throw std::logic_error(
            fmt::format("{} from element {} of {}", shape.to_string(), first, shape_.to_string()));
    }
    Tensor view;
    view.shape_ = std::move(shape);
    view.placement_ = placement_;
    view.memory_ = std::shared_ptr<void>(
        memory_, static_cast<char*>(data()) + static_cast<size_t>(first) * size_of(dtype()));
    return view;
}

Tensor& Tensor::require_gradient() {
    if (!slot_) slot_ = std::make_shared<GradientSlot>(shape_, placement_);
    return *this;
}

Tensor Tensor::gradient() const { return slot_ ? slot_->gradient() : Tensor(); }

}  // namespace vitrine

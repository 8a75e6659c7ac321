// The elements of a tensor, whatever they are, where they lie if the host can read them there.
#pragma once

#include <cstdint>
#include <span>
#include <stdexcept>

#include "engine/memory.h"
#include "engine/tensor.h"

namespace vitrine::inspect {

/// Calls look(std::span<const T>) with all elements; T is float (of 16-bit elements, too), double, int32_t or uint8_t.
template <class Look>
void with_values(const Tensor& tensor, Look look) {
    const auto of = [&]<class T>(T) {
        const auto count = static_cast<size_t>(tensor.count());
        if (reads_host_memory(tensor.device()))
            return look(std::span(static_cast<const T*>(tensor.data()), count));
        const std::vector<T> copy = tensor.to_host<T>();
        look(std::span<const T>(copy));
    };
    if (is_half(tensor.dtype())) {
        const std::vector<float> wide = tensor.to_host<float>();
        return look(std::span<const float>(wide));
    }
    switch (tensor.dtype()) {
        case DType::f32:
            return of(float{});
        case DType::f64:
            return of(double{});
        case DType::i32:
            return of(int32_t{});
        case DType::u8:
            return of(uint8_t{});
        default:
            throw std::logic_error("a tensor of an unknown type");
    }
}

}  // namespace vitrine::inspect

// The elements of a tensor, whatever they are, where they lie if the host can read them there.
#pragma once

#include <cstdint>
#include <span>

#include "engine/memory.h"
#include "engine/tensor.h"

namespace vitrine::inspect {

/// Calls look(std::span<const T>) with all elements; T is float, double, int32_t or uint8_t.
template <class Look>
void with_values(const Tensor& tensor, Look look) {
    const auto of = [&]<class T>(T) {
        const auto count = static_cast<size_t>(tensor.count());
        if (reads_host_memory(tensor.device()))
            return look(std::span(static_cast<const T*>(tensor.data()), count));
        const std::vector<T> copy = tensor.to_host<T>();
        look(std::span<const T>(copy));
    };
    switch (tensor.dtype()) {
        case DType::f32:
            return of(float{});
        case DType::f64:
            return of(double{});
        case DType::i32:
            return of(int32_t{});
        case DType::u8:
            return of(uint8_t{});
    }
}

}  // namespace vitrine::inspect

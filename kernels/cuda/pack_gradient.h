// Where a kernel leaves a gradient 16 bytes at a time: GradientWriter (kernels/gradient.h) for packs.
#pragma once

#include "kernels/cuda/gpu.h"

namespace vitrine::VITRINE_GPU {

/// Writes or accumulates a gradient, a pack or an element at a time. Kernels take it by value. `data` must be
/// aligned to 16 bytes, and so must every index be to a pack.
template <class T>
class PackGradient {
  public:
    explicit PackGradient(const Gradient& gradient)
        : data_(static_cast<T*>(gradient.data)), accumulate_(gradient.mode == GradMode::accumulate) {}

    __device__ __forceinline__ void put(int64_t index, Pack<T> values) const {
        if (accumulate_) {
            const Pack<T> before = load_pack(data_ + index);
            VITRINE_UNROLL
            for (int k = 0; k < Pack<T>::size; ++k) values[k] = before[k] + values[k];
        }
        store_pack(data_ + index, values);
    }
    /// For the last elements, which fill no pack.
    __device__ __forceinline__ void put(int64_t index, Accumulate<T> value) const {
        store_value(data_ + index, accumulate_ ? load_value(data_ + index) + value : value);
    }

  private:
    T* data_;
    bool accumulate_;
};

}  // namespace vitrine::VITRINE_GPU

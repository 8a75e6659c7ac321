// Where a kernel leaves a gradient, and whether it writes it or adds to it.
#pragma once

#include <cstdint>

#include "kernels/dtype.h"

namespace vitrine {

enum class GradMode : unsigned char {
    write,       // the buffer may hold anything; every element is overwritten
    accumulate,  // the buffer holds a gradient; the new one is added to every element
};

/// An output of a backward kernel. A null pointer means that nobody wants this gradient: the kernel skips it.
struct Gradient {
    void* data = nullptr;
    GradMode mode = GradMode::write;

    explicit operator bool() const { return data != nullptr; }
};

/// Writes or accumulates single elements of a gradient: for kernels that put each element exactly once.
template <class T>
class GradientWriter {
  public:
    constexpr explicit GradientWriter(const Gradient& gradient)
        : data_(static_cast<T*>(gradient.data)), accumulate_(gradient.mode == GradMode::accumulate) {}

    constexpr explicit operator bool() const { return data_ != nullptr; }
    constexpr void operator()(int64_t index, Accumulate<T> value) const {
        data_[index] = static_cast<T>(accumulate_ ? static_cast<Accumulate<T>>(data_[index]) + value : value);
    }

  private:
    T* data_;
    bool accumulate_;
};

}  // namespace vitrine

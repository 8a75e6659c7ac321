// Arrays of the host that a kernel needs on the device.
#pragma once

#include <span>

#include "kernels/context.h"
#include "kernels/cuda/gpu.h"
#include "kernels/runtime.h"

namespace vitrine::VITRINE_GPU {

/// A copy in scratch memory of the device; null for an empty array.
template <class T>
const T* uploaded(std::span<const T> values, Context& context) {
    if (values.empty()) return nullptr;
    T* copy = context.scratch.take<T>(static_cast<int64_t>(values.size()));
    runtime(context.device).copy_from_host(copy, values.data(), values.size_bytes());
    return copy;
}

}  // namespace vitrine::VITRINE_GPU

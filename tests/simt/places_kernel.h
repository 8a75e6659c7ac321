// A kernel that a header holds, for places.cu.
#pragma once

#include "tests/simt/places_helpers.h"

namespace vitrine::simt::test {
namespace {

constexpr int header_kernel_line = __LINE__ + 3;
template <class T>
__global__ void header_kernel(const T* from, T* to) {
    const T value = load_lane(from);
    to[threadIdx.x] = value;
}

}  // namespace
}  // namespace vitrine::simt::test

// A kernel on a stream of the caller's choice.
#pragma once

#include "kernels/simt/host_compat.h"

namespace vitrine::simt::test {

/// Adds one to each of `count` integers.
void increment(int* values, int count, cudaStream_t stream);

/// Adds a value, which the host passes, to each of `count` integers.
void add(int* values, int count, int value, cudaStream_t stream);

/// Copies `count` integers.
void duplicate(const int* from, int* to, int count, cudaStream_t stream);

}  // namespace vitrine::simt::test

// What the libraries' implementations need around the libraries' own calls.
#pragma once

#include "kernels/cuda/gpu.h"

namespace vitrine::VITRINE_GPU::vendor {

/// y[row, channel] += bias[channel]; nothing if bias is null.
template <class T>
void add_bias(const T* bias, T* y, int64_t rows, int64_t channels);

/// to[column, row] = from[row, column], written or accumulated as `to` says.
template <class T>
void transpose(const T* from, const Gradient& to, int64_t rows, int64_t columns);

}  // namespace vitrine::VITRINE_GPU::vendor

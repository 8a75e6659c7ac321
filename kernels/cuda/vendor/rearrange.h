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

/// to[i] = from[i], written or accumulated as `to` says; nothing if it is null.
template <class T>
void put(const T* from, const Gradient& to, int64_t count);

/// index = where each window of max pooling has its y first, in row-major order (kernels/pool.h). y is
/// cuDNN's maximum of the windows: NaN where one is, and of a window of nothing but −∞ the least finite
/// number, in whose place −∞ is put.
template <class T>
void find_winners(const PoolShape& shape, const T* x, T* y, int32_t* index);

}  // namespace vitrine::VITRINE_GPU::vendor

// What a tensor's values come to: moments, zeros, norms. Of a tensor on a device that the host cannot read, a copy is
// made; all sums are made in double, in parts whose bounds depend on the shape alone: the same bits with any threads.
#pragma once

#include "engine/pending.h"
#include "engine/tensor.h"

namespace vitrine::tools {

struct TensorStatistics {
    double mean = 0.0;
    double deviation = 0.0;      // sqrt(mean((x − mean)²))
    double zeros = 0.0;          // share of values that are 0
    double saturated = 0.0;      // share of values that are 6, where relu6 ends
    double dead_channels = 0.0;  // share of channels (the last axis) of which all values are 0
};

/// Of f32 or f64 values, [..., C]. What is pending of them happens as they are read; a residual may not be.
TensorStatistics statistics_of(const Pending& x);

/// Mean and deviation from what a convolution left behind of its output, of which each channel has `rows` values.
TensorStatistics statistics_of(const Moments& moments, int64_t rows);

/// sqrt(Σ x²)
double norm_of(const Tensor& x);
/// sqrt(Σ (a − b)²), of two of one type and count.
double distance_of(const Tensor& a, const Tensor& b);

}  // namespace vitrine::tools

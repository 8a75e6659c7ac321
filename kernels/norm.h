// Batch norm over the channels of x [rows, channels]; rows = batch · height · width.
//
//     training:    mean_c = Σ x / rows        variance_c = Σ (x − mean_c)² / rows
//     evaluation:  mean_c = running_mean_c    variance_c = running_variance_c
//     both:        rstd_c = 1 / √(variance_c + epsilon)    y = (x − mean_c) · rstd_c · weight_c + bias_c
//     training:    running_mean_c     ← (1 − momentum) · running_mean_c     + momentum · mean_c
//                  running_variance_c ← (1 − momentum) · running_variance_c + momentum · variance_c · rows / (rows − 1)
// Source: Ioffe and Szegedy, 2015; the running variance takes the unbiased estimate, as PyTorch's does.
#pragma once

#include <cstdint>

#include "kernels/dtype.h"
#include "kernels/gradient.h"

namespace vitrine {

struct BatchNormForward {
    DType dtype = DType::f32;
    bool training = true;
    int64_t rows = 0;  // at least 2 in training
    int64_t channels = 0;
    double epsilon = 1e-5;
    double momentum = 0.1;
    const void* x = nullptr;           // [rows, channels]
    const void* weight = nullptr;      // [channels]
    const void* bias = nullptr;        // [channels]
    void* running_mean = nullptr;      // [channels]; updated in training, read in evaluation
    void* running_variance = nullptr;  // [channels]
    void* mean = nullptr;              // [channels]: the mean and rstd that were used, for backward
    void* rstd = nullptr;              // [channels]
    void* y = nullptr;                 // [rows, channels]; may be x only in evaluation
};

/// With x̂ = (x − mean) · rstd:
///     d_bias = Σ d_y      d_weight = Σ d_y · x̂
///     training:    d_x = weight · rstd · (d_y − d_bias / rows − x̂ · d_weight / rows)
///     evaluation:  d_x = weight · rstd · d_y
/// (d_bias and d_weight here are this call's sums, whatever the mode of the outputs). d_x may be d_y's
/// buffer.
struct BatchNormBackward {
    DType dtype = DType::f32;
    bool training = true;
    int64_t rows = 0;
    int64_t channels = 0;
    const void* x = nullptr;
    const void* weight = nullptr;
    const void* mean = nullptr;
    const void* rstd = nullptr;
    const void* d_y = nullptr;
    Gradient d_x;
    Gradient d_weight;
    Gradient d_bias;
};

/// A batch norm that does not touch x: from the moments that x's convolution left behind (conv.h), to the scale
/// and the shift that normalise x wherever it is read.
///
///     training:    mean_c as given      variance_c = m2_c / rows      the running statistics move as above
///     evaluation:  mean_c and variance_c are the running ones
///     both:        rstd_c = 1 / √(variance_c + epsilon)
///                  scale_c = weight_c · rstd_c      shift_c = bias_c − mean_c · scale_c
struct NormalizeForward {
    DType dtype = DType::f32;
    bool training = true;
    int64_t rows = 0;  // that the moments are of, at least 2 in training
    int64_t channels = 0;
    double epsilon = 1e-5;
    double momentum = 0.1;
    const void* mean = nullptr;        // [channels]; not read in evaluation
    const void* m2 = nullptr;          // [channels]: Σ (x − mean)²; not read in evaluation
    const void* weight = nullptr;      // [channels]
    const void* bias = nullptr;        // [channels]
    void* running_mean = nullptr;      // [channels]; updated in training, read in evaluation
    void* running_variance = nullptr;  // [channels]
    void* scale = nullptr;             // [channels]
    void* shift = nullptr;             // [channels]
    void* rstd = nullptr;              // [channels]: for backward
};

/// With s = d_scale − mean · d_shift, what scale's own gradient and shift's dependence on it come to:
///     d_weight = rstd · s      d_bias = d_shift
///     training:    d_mean = −weight · rstd · d_shift      d_m2 = −½ · weight · rstd³ · s / rows
struct NormalizeBackward {
    DType dtype = DType::f32;
    int64_t rows = 0;
    int64_t channels = 0;
    const void* mean = nullptr;     // [channels]: the one that was used
    const void* rstd = nullptr;     // [channels]
    const void* weight = nullptr;   // [channels]
    const void* d_scale = nullptr;  // [channels]
    const void* d_shift = nullptr;  // [channels]
    Gradient d_mean;                // [channels]; none in evaluation
    Gradient d_m2;                  // [channels]; none in evaluation
    Gradient d_weight;              // [channels]
    Gradient d_bias;                // [channels]
};

/// NormalizeForward's formulas for one channel, from its rstd, in the type that each device chooses.
template <class Number>
struct ScaleAndShift {
    Number scale, shift;

    constexpr ScaleAndShift(Number mean, Number rstd, Number weight, Number bias)
        : scale(weight * rstd), shift(bias - mean * scale) {}
};

/// NormalizeBackward's.
template <class Number>
struct NormalizeGradients {
    Number d_weight, d_bias, d_mean, d_m2;

    constexpr NormalizeGradients(Number rows, Number mean, Number rstd, Number weight, Number d_scale,
                                 Number d_shift)
        : d_weight(rstd * (d_scale - mean * d_shift)),
          d_bias(d_shift),
          d_mean(-(weight * rstd) * d_shift),
          d_m2(Number(-0.5) * weight * rstd * rstd * d_weight / rows) {}
};

}  // namespace vitrine

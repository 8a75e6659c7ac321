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

}  // namespace vitrine

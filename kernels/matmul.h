// The linear layer: y = x · weightᵀ + bias.
#pragma once

#include <cstdint>

#include "kernels/dtype.h"
#include "kernels/gradient.h"

namespace vitrine {

struct LinearForward {
    DType dtype = DType::f32;
    int64_t rows = 0;  // samples
    int64_t in_features = 0;
    int64_t out_features = 0;
    const void* x = nullptr;       // [rows, in_features]
    const void* weight = nullptr;  // [out_features, in_features]
    const void* bias = nullptr;    // [out_features], or null
    void* y = nullptr;             // [rows, out_features]
};

/// d_x = d_y · weight      d_weight = d_yᵀ · x      d_bias = Σ_rows d_y
struct LinearBackward {
    DType dtype = DType::f32;
    int64_t rows = 0;
    int64_t in_features = 0;
    int64_t out_features = 0;
    const void* x = nullptr;
    const void* weight = nullptr;
    const void* d_y = nullptr;
    Gradient d_x;
    Gradient d_weight;
    Gradient d_bias;
};

}  // namespace vitrine

// Element-by-element kernels: activation, add, dropout. All shapes are flat: `count` elements.
#pragma once

#include <cstdint>

#include "kernels/activation.h"
#include "kernels/dtype.h"
#include "kernels/gradient.h"
#include "kernels/philox.h"

namespace vitrine {

/// y = activation(x). x and y may be the same buffer.
struct ActivationForward {
    DType dtype = DType::f32;
    Activation activation = Activation::relu;
    int64_t count = 0;
    const void* x = nullptr;
    void* y = nullptr;
};

/// d_x = d_y · activation'(x). Reads one of y and x, the one that tells the derivative; the other may be null.
/// Where the derivative is 0, d_x is 0 whatever d_y is. d_y and d_x may be the same buffer.
///
/// relu and relu6: 0 at their kinks. hard_swish: 0 at x = −3 and 1 at x = 3, as PyTorch's.
struct ActivationBackward {
    DType dtype = DType::f32;
    Activation activation = Activation::relu;
    int64_t count = 0;
    const void* y = nullptr;  // of a clamp
    const void* x = nullptr;  // of every other activation
    const void* d_y = nullptr;
    Gradient d_x;

    const void* saved() const { return is_clamp(activation) ? y : x; }
};

/// y = a + b. y may be a or b.
struct AddForward {
    DType dtype = DType::f32;
    int64_t count = 0;
    const void* a = nullptr;
    const void* b = nullptr;
    void* y = nullptr;
};

/// d_a = d_y, d_b = d_y: written or accumulated. The engine passes a gradient on without copying it where it
/// can, and uses this to accumulate.
struct AddBackward {
    DType dtype = DType::f32;
    int64_t count = 0;
    const void* d_y = nullptr;
    Gradient d_a;
    Gradient d_b;
};

/// Dropout of `rows` samples of `features` values each: y = x · keep / (1 − probability).
///
/// Element (row, feature) is kept if uniform_from_word(random_word({key.seed, key.purpose, key.epoch, row},
/// feature)) ≥ probability: the mask is a pure function of the key and is drawn again in backward, never
/// stored.
struct DropoutForward {
    DType dtype = DType::f32;
    int64_t rows = 0;
    int64_t features = 0;
    double probability = 0.5;  // of dropping, in [0, 1); the factor 1 / (1 − probability) is taken in dtype
    RandomKey key;             // key.sample is not used: the row takes its place
    const void* x = nullptr;
    void* y = nullptr;
};

struct DropoutBackward {
    DType dtype = DType::f32;
    int64_t rows = 0;
    int64_t features = 0;
    double probability = 0.5;
    RandomKey key;
    const void* d_y = nullptr;
    Gradient d_x;
};

}  // namespace vitrine

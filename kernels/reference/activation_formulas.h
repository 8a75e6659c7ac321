// The activations as their textbooks have them, in double.
#pragma once

#include <algorithm>
#include <cmath>

#include "kernels/activation.h"

namespace vitrine::reference {

inline double sigmoid(double x) { return 1.0 / (1.0 + std::exp(-x)); }

/// activation(x)
inline double activated(Activation activation, double x) {
    switch (activation) {
        case Activation::silu:
            return x * sigmoid(x);
        case Activation::hard_swish:
            return x * (clamped(Activation::relu6, x + 3.0) / 6.0);
        default:
            return clamped(activation, x);
    }
}

/// d_y · activation'(x), and 0 where the derivative is 0. For a clamp, x may be the output.
inline double activation_gradient(Activation activation, double x, double d_y) {
    switch (activation) {
        case Activation::silu:
            return d_y * sigmoid(x) * (1.0 + x * (1.0 - sigmoid(x)));
        case Activation::hard_swish:
            if (x <= -3.0) return 0.0;
            return x >= 3.0 ? d_y : d_y * (x / 3.0 + 0.5);
        default:
            return inside_clamp(activation, clamped(activation, x)) ? d_y : 0.0;
    }
}

}  // namespace vitrine::reference

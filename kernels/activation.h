// The activations, as scalar functions that every device shares.
#pragma once

#include <cstdint>

namespace vitrine {

enum class Activation : uint8_t { identity, relu, relu6 };

constexpr const char* name_of(Activation activation) {
    switch (activation) {
        case Activation::identity:
            return "identity";
        case Activation::relu:
            return "relu";
        case Activation::relu6:
            return "relu6";
    }
    return "?";
}

/// relu: max(x, 0). relu6: min(max(x, 0), 6). A NaN stays a NaN, so that a broken run shows.
template <class T>
constexpr T activate(Activation activation, T x) {
    if (activation == Activation::identity) return x;
    if (x < T(0)) return T(0);
    if (activation == Activation::relu6 && x > T(6)) return T(6);
    return x;
}

/// Whether the gradient passes, told from the OUTPUT y, so that the input need not be kept. It passes
/// strictly between the kinks, as in PyTorch: the derivative at 0 and at 6 is 0.
template <class T>
constexpr bool activation_passes(Activation activation, T y) {
    if (activation == Activation::identity) return true;
    return y > T(0) && (activation == Activation::relu || y < T(6));
}

}  // namespace vitrine

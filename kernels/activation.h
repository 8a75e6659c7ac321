// The activations: which there are, and the arithmetic of those that every kernel can take in.
//
// relu and relu6 are clamps, the input between two bounds. A comparison or two, and the output tells the derivative, so
// backward needs nothing but y, and a convolution can apply them to each element that it reads. silu and hard_swish are
// curves: their derivative is told by the input, which is kept in y's place, and they are passes of their own (conv_fusion.h).
// Each device computes them in its activation file, in the numbers that suit it.
#pragma once

#include <array>
#include <cstdint>

namespace vitrine {

enum class Activation : uint8_t {
    identity,
    relu,        // max(x, 0)
    relu6,       // min(max(x, 0), 6)
    silu,        // x · sigmoid(x)
    hard_swish,  // x · relu6(x + 3) / 6
};

inline constexpr std::array all_activations{Activation::identity, Activation::relu, Activation::relu6,
                                            Activation::silu, Activation::hard_swish};

constexpr const char* name_of(Activation activation) {
    switch (activation) {
        case Activation::identity:
            return "identity";
        case Activation::relu:
            return "relu";
        case Activation::relu6:
            return "relu6";
        case Activation::silu:
            return "silu";
        case Activation::hard_swish:
            return "hard_swish";
    }
    return "?";
}

/// Whether the output tells the derivative: backward reads y. Else it reads x.
constexpr bool is_clamp(Activation activation) {
    return activation == Activation::identity || activation == Activation::relu ||
           activation == Activation::relu6;
}

/// A clamp's output. A NaN stays a NaN, so that a broken run shows; the zero of a clamp is +0.
template <class T>
constexpr T clamped(Activation clamp, T x) {
    if (clamp == Activation::identity) return x;
    if (x <= T(0)) return T(0);
    if (clamp == Activation::relu6 && x > T(6)) return T(6);
    return x;
}

/// Whether y lies between a clamp's kinks, where its gradient goes through unchanged: told from the OUTPUT, so that the
/// input need not be kept, or from the input, which is there exactly when the output is. Strictly between, as in PyTorch:
/// the derivative at 0 and at 6 is 0.
template <class T>
constexpr bool inside_clamp(Activation clamp, T y) {
    if (clamp == Activation::identity) return true;
    return y > T(0) && (clamp == Activation::relu || y < T(6));
}

}  // namespace vitrine

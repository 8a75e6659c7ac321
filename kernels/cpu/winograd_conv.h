// Dense 3×3 convolution of stride 1 by Winograd's F(2×2, 3×3).
//
// A tile of 2×2 outputs depends on a patch of 4×4 inputs. With
//
//         ⎡1  0 −1  0⎤        ⎡ 1   0   0⎤
//     Bᵀ =⎢0  1  1  0⎥    G = ⎢ ½   ½   ½⎥    Aᵀ = ⎡1  1  1  0⎤
//         ⎢0 −1  1  0⎥        ⎢ ½  −½   ½⎥         ⎣0  1 −1 −1⎦
//         ⎣0  1  0 −1⎦        ⎣ 0   0   1⎦
//
//     V = Bᵀ a B     U = G weight Gᵀ     M = Σ_channels U ⊙ V     y = Aᵀ M A
//
// the 36 products of a tile and a pair of channels become 16, each of the 4×4 places a matrix product of its own. The
// input's gradient is such a convolution too, of g with the weights turned round; the weight's is the chain rule:
//
//     dM = A g Aᵀ      dU = Σ_tiles dM ⊙ V      d_weight = Gᵀ dU G
//
// Source: Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", 2015. In f32 the result is about as far
// from the exact one as that of the plain sum.
#pragma once

#include "kernels/context.h"
#include "kernels/conv.h"

namespace vitrine::cpu {

const char* refuses_winograd_forward(const ConvForward& args);
const char* refuses_winograd_backward(const ConvBackward& args);
void run_winograd_forward(const ConvForward& args, Context& context);
void run_winograd_backward(const ConvBackward& args, Context& context);

}  // namespace vitrine::cpu

// What the three convolutions' problems have in common: everything but shapes and kernels.
#pragma once

#include <string>
#include <vector>

#include "kernels/expanded_conv.h"
#include "lab/gradcheck/harness/problem.h"

namespace vitrine::gradcheck {

enum class Statistics {
    none,
    written,         // the epilogue, whose outputs have no gradient
    differentiated,  // the epilogue, with gradients of mean and m2
};

/// "windows 3x3, stride 2x2, padding 1x1, of 33x58x3"
std::string text_of(const InputWindows& windows);

/// The windows of a network's first layer, of a colour image.
InputWindows first_layer_windows(int64_t height, int64_t width);

struct ConvOptions {
    ConvShape shape;
    bool bias = false;
    double bias_offset = 0;  // moves y away from 0, where sums of squares cancel
    bool scale = false;      // the prologue's scale and shift
    Activation activation = Activation::identity;
    Statistics statistics = Statistics::none;
    int64_t samples = 40;
};

/// Plain, with a bias, with every prologue and with every epilogue, in turn over the shapes: shape i takes
/// the i-th combination, so that a list of shapes as long as the combinations has each of them.
std::vector<ConvOptions> with_options_in_turn(const std::vector<ConvShape>& shapes);

/// Each shape with prologues that are no clamps (kernels/activation.h).
std::vector<ConvOptions> with_curves(const std::vector<ConvShape>& shapes);

/// Each shape between two batch norms without a clamp: there what the statistics add to a gradient cancels over the pixels in
/// d_scale and d_shift, and a rounding of the gradient would not.
std::vector<ConvOptions> with_cancelling_gradients(const std::vector<ConvShape>& shapes);

Problem conv_problem(BoundKernel<ConvForward> KernelTable::*forward,
                     BoundKernel<ConvBackward> KernelTable::*backward, const ConvOptions& options);

std::vector<Problem> conv_problems(BoundKernel<ConvForward> KernelTable::*forward,
                                   BoundKernel<ConvBackward> KernelTable::*backward,
                                   const std::vector<ConvOptions>& all);

}  // namespace vitrine::gradcheck

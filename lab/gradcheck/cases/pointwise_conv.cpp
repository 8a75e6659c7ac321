// Pointwise convolution: a matrix product at every pixel.

#include <algorithm>
#include <iterator>

#include "lab/gradcheck/cases/conv_problem.h"
#include "lab/gradcheck/cases/list.h"

namespace vitrine::gradcheck {
namespace {

ConvShape pointwise(int64_t batch, Size2 in, int64_t in_channels, int64_t out_channels) {
    return {batch, in, in_channels, out_channels, {1, 1}, {1, 1}, {0, 0}, 1};
}

}  // namespace

std::vector<Problem> pointwise_conv_problems() {
    const std::vector<ConvShape> shapes{
        pointwise(1, {1, 1}, 1, 1),      // the smallest
        pointwise(2, {5, 3}, 3, 7),      //
        pointwise(2, {7, 7}, 24, 144),   // an expansion
        pointwise(1, {9, 5}, 96, 24),    // a projection
        pointwise(2, {4, 4}, 17, 33),    // tails everywhere
        pointwise(1, {6, 7}, 16, 31),    //
        pointwise(3, {5, 5}, 1, 9),      // one channel in
        pointwise(3, {5, 5}, 9, 1),      // one channel out
        pointwise(2, {2, 2}, 160, 320),  // few pixels, many channels
        pointwise(2, {20, 21}, 64, 96),  // several blocks of pixels
        pointwise(1, {3, 3}, 130, 260),  // blocks of channels with tails
        pointwise(4, {1, 1}, 40, 50),    // one pixel for each image
        pointwise(1, {31, 33}, 15, 20),  //
        pointwise(2, {30, 30}, 32, 16),  //
        pointwise(1, {1, 5}, 300, 12),   // a long sum
        pointwise(2, {4, 8}, 48, 64),    // nothing has a tail
        pointwise(1, {45, 47}, 3, 5),    // many pixels, few channels
        pointwise(1, {13, 1}, 65, 7),    //
        pointwise(2, {23, 25}, 16, 8),   // many pixels: both gradients in one pass
        pointwise(1, {35, 31}, 17, 12),  // the same with a bias
        pointwise(1, {33, 34}, 9, 24),   // … with everything
        pointwise(3, {13, 14}, 4, 84),   // one pass on a GPU: outputs in steps, with a tail
        pointwise(2, {16, 17}, 68, 4),   // … inputs in slices, with a tail
        pointwise(1, {19, 29}, 4, 132),  // … as many steps as there are
        pointwise(1, {29, 31}, 8, 40),   //
    };
    std::vector<ConvOptions> all = with_options_in_turn(shapes);
    for (const ConvShape& shape : {
             pointwise(2, {34, 35}, 36, 36),   // one pass with steps, slices, tails and everything
             pointwise(1, {13, 20}, 20, 264),  // one launch of two products, the sums of both split
             pointwise(8, {13, 17}, 96, 16),   // by tensor cores: two slices of inputs
             pointwise(2, {34, 34}, 72, 24),   // … the second nearly empty
             pointwise(1, {51, 51}, 40, 40),   // … two panels of outputs
             pointwise(5, {14, 14}, 8, 136),   // … three steps of two
             pointwise(4, {15, 16}, 8, 72),    // … three of one panel
             pointwise(3, {19, 17}, 8, 48),    // … one of two
             pointwise(7, {13, 17}, 24, 16),   //
         }) {
        all.push_back({.shape = shape,
                       .scale = true,
                       .activation = Activation::relu6,
                       .statistics = Statistics::differentiated,
                       .samples = 6});
    }
    std::ranges::copy(with_curves({pointwise(2, {5, 3}, 7, 9), pointwise(1, {4, 6}, 16, 24)}),
                      std::back_inserter(all));
    std::ranges::copy(with_cancelling_gradients({
                          pointwise(1, {1, 5}, 304, 16),   // a long sum of few pixels
                          pointwise(2, {6, 5}, 24, 96),    //
                          pointwise(1, {32, 32}, 16, 96),  // an expansion behind a projection
                          pointwise(1, {43, 43}, 16, 96),  // … in one pass by tensor cores
                      }),
                      std::back_inserter(all));
    return conv_problems(&KernelTable::pointwise_conv_forward, &KernelTable::pointwise_conv_backward, all);
}

/// MobileNetV2's.
std::vector<Problem> pointwise_conv_layers() {
    const std::vector<ConvOptions> layers{
        {.shape = pointwise(1, {56, 56}, 24, 144)},
        {.shape = pointwise(1, {28, 28}, 144, 32)},
        {.shape = pointwise(1, {14, 14}, 96, 576)},
        {.shape = pointwise(1, {7, 7}, 576, 160)},
        {.shape = pointwise(1, {56, 56}, 96, 24),
         .scale = true,
         .activation = Activation::relu6,
         .statistics = Statistics::differentiated},
        {.shape = pointwise(1, {28, 28}, 144, 32),
         .scale = true,
         .activation = Activation::relu6,
         .statistics = Statistics::differentiated},
    };
    return conv_problems(&KernelTable::pointwise_conv_forward, &KernelTable::pointwise_conv_backward, layers);
}

}  // namespace vitrine::gradcheck

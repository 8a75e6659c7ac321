// Depthwise convolution: every channel is a group of its own.

#include <algorithm>
#include <iterator>

#include "lab/gradcheck/cases/conv_problem.h"
#include "lab/gradcheck/cases/list.h"

namespace vitrine::gradcheck {
namespace {

ConvShape depthwise(int64_t batch, Size2 in, int64_t channels, Size2 kernel, Size2 stride, Size2 padding) {
    return {batch, in, channels, channels, kernel, stride, padding, channels};
}

}  // namespace

std::vector<Problem> depthwise_conv_problems() {
    const std::vector<ConvShape> shapes{
        depthwise(1, {1, 1}, 1, {3, 3}, {1, 1}, {1, 1}),      // the smallest: eight of nine taps are padding
        depthwise(2, {5, 7}, 3, {3, 3}, {1, 1}, {1, 1}),      //
        depthwise(2, {7, 6}, 17, {3, 3}, {2, 2}, {1, 1}),     // a tail after one vector
        depthwise(1, {8, 8}, 32, {3, 3}, {1, 1}, {1, 1}),     //
        depthwise(2, {9, 11}, 33, {3, 3}, {2, 2}, {1, 1}),    //
        depthwise(1, {10, 9}, 8, {5, 5}, {1, 1}, {2, 2}),     //
        depthwise(2, {4, 4}, 24, {3, 3}, {1, 1}, {1, 1}),     //
        depthwise(2, {6, 5}, 16, {3, 3}, {2, 2}, {1, 1}),     //
        depthwise(1, {12, 10}, 5, {5, 5}, {2, 2}, {2, 2}),    //
        depthwise(1, {9, 9}, 7, {7, 7}, {1, 1}, {3, 3}),      //
        depthwise(2, {6, 7}, 12, {3, 3}, {1, 1}, {0, 0}),     // no padding
        depthwise(1, {7, 8}, 10, {3, 5}, {2, 1}, {1, 2}),     // nothing is square
        depthwise(1, {2, 2}, 20, {5, 5}, {1, 1}, {2, 2}),     // a kernel larger than the image
        depthwise(2, {8, 8}, 6, {2, 2}, {3, 3}, {0, 0}),      // pixels that no window reads
        depthwise(1, {28, 30}, 40, {3, 3}, {1, 1}, {1, 1}),   // several chunks of rows
        depthwise(3, {14, 14}, 144, {3, 3}, {2, 2}, {1, 1}),  // a block of MobileNetV2
        depthwise(2, {7, 7}, 200, {3, 3}, {1, 1}, {1, 1}),    //
        depthwise(1, {3, 40}, 9, {1, 1}, {1, 1}, {0, 0}),     //
        depthwise(1, {40, 1}, 64, {3, 3}, {1, 1}, {1, 1}),    // one column
        depthwise(4, {2, 2}, 96, {3, 3}, {2, 2}, {1, 1}),     // one output pixel for each image
        depthwise(2, {8, 9}, 18, {3, 3}, {1, 2}, {1, 1}),     // strides that differ
        depthwise(2, {11, 13}, 12, {5, 5}, {2, 2}, {2, 2}),   //
        depthwise(1, {67, 3}, 8, {3, 3}, {2, 2}, {1, 1}),     // several chunks of rows
        depthwise(1, {70, 2}, 4, {5, 5}, {1, 1}, {2, 2}),     //
        depthwise(2100, {1, 2}, 2, {3, 3}, {1, 1}, {1, 1}),   // more images than blocks
    };
    std::vector<ConvOptions> all = with_options_in_turn(shapes);
    std::ranges::copy(with_curves({depthwise(2, {5, 7}, 9, {3, 3}, {1, 1}, {1, 1}),
                                   depthwise(1, {7, 6}, 16, {5, 5}, {2, 2}, {2, 2})}),
                      std::back_inserter(all));
    std::ranges::copy(with_cancelling_gradients({depthwise(2, {6, 5}, 24, {3, 3}, {1, 1}, {1, 1}),
                                                 depthwise(1, {9, 10}, 16, {5, 5}, {2, 2}, {2, 2})}),
                      std::back_inserter(all));
    return conv_problems(&KernelTable::depthwise_conv_forward, &KernelTable::depthwise_conv_backward, all);
}

/// MobileNetV2's.
std::vector<Problem> depthwise_conv_layers() {
    const std::vector<ConvOptions> layers{
        {.shape = depthwise(1, {112, 112}, 32, {3, 3}, {1, 1}, {1, 1})},
        {.shape = depthwise(1, {56, 56}, 144, {3, 3}, {1, 1}, {1, 1})},
        {.shape = depthwise(1, {56, 56}, 144, {3, 3}, {2, 2}, {1, 1})},
        {.shape = depthwise(1, {28, 28}, 192, {3, 3}, {1, 1}, {1, 1})},
        {.shape = depthwise(1, {14, 14}, 576, {3, 3}, {1, 1}, {1, 1})},
        {.shape = depthwise(1, {14, 14}, 576, {3, 3}, {2, 2}, {1, 1})},
        {.shape = depthwise(1, {28, 28}, 72, {5, 5}, {1, 1}, {2, 2})},
        {.shape = depthwise(1, {28, 28}, 72, {5, 5}, {2, 2}, {2, 2})},
        {.shape = depthwise(1, {28, 28}, 192, {3, 3}, {1, 1}, {1, 1}),
         .scale = true,
         .activation = Activation::relu6,
         .statistics = Statistics::differentiated},
    };
    return conv_problems(&KernelTable::depthwise_conv_forward, &KernelTable::depthwise_conv_backward, layers);
}

}  // namespace vitrine::gradcheck

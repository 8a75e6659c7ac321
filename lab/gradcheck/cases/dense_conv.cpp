// Dense convolution: any kernel, stride, padding and groups.

#include <algorithm>
#include <iterator>

#include "lab/gradcheck/cases/conv_problem.h"
#include "lab/gradcheck/cases/list.h"

namespace vitrine::gradcheck {

std::vector<Problem> dense_conv_problems() {
    // batch, in, in channels, out channels, kernel, stride, padding, groups
    const std::vector<ConvShape> shapes{
        {1, {1, 1}, 1, 1, {1, 1}, {1, 1}, {0, 0}, 1},      // the smallest
        {2, {5, 7}, 3, 5, {3, 3}, {1, 1}, {1, 1}, 1},      // not square, odd channels
        {1, {9, 8}, 3, 33, {3, 3}, {2, 2}, {1, 1}, 1},     // a stem
        {2, {6, 6}, 16, 24, {3, 3}, {1, 1}, {1, 1}, 1},    //
        {2, {7, 5}, 6, 10, {3, 3}, {1, 1}, {1, 1}, 2},     // groups
        {1, {11, 9}, 4, 6, {5, 5}, {2, 2}, {2, 2}, 1},     //
        {2, {6, 6}, 8, 8, {3, 3}, {1, 1}, {1, 1}, 4},      //
        {2, {7, 6}, 5, 7, {3, 1}, {2, 1}, {1, 0}, 1},      // nothing is square
        {1, {2, 2}, 3, 4, {5, 5}, {1, 1}, {2, 2}, 1},      // a kernel larger than the image
        {2, {8, 8}, 3, 4, {3, 3}, {3, 3}, {0, 0}, 1},      // pixels that no window reads
        {2, {7, 7}, 8, 12, {1, 1}, {2, 2}, {0, 0}, 1},     // a shortcut
        {2, {4, 3}, 5, 6, {1, 1}, {1, 1}, {1, 1}, 1},      // outputs that read nothing but padding
        {1, {1, 13}, 2, 3, {1, 4}, {1, 1}, {0, 3}, 1},     // one row, an even kernel
        {3, {14, 14}, 32, 32, {3, 3}, {1, 1}, {1, 1}, 1},  // several blocks of rows and channels
        {1, {4, 4}, 70, 130, {3, 3}, {1, 1}, {1, 1}, 1},   // blocks of channels with tails
        {1, {6, 6}, 9, 9, {3, 3}, {1, 1}, {1, 1}, 9},      // as many groups as channels
        {2, {19, 33}, 3, 32, {3, 3}, {2, 2}, {1, 1}, 1},   //
        {5, {8, 8}, 24, 16, {1, 1}, {1, 1}, {0, 0}, 1},    // pointwise by the dense kernel
        {2, {9, 7}, 8, 12, {3, 3}, {2, 2}, {1, 1}, 1},     // stride 2 and channels in packs
        {2, {7, 9}, 12, 8, {5, 5}, {2, 3}, {2, 2}, 1},     //
        {2, {9, 10}, 8, 12, {3, 3}, {2, 2}, {1, 1}, 1},    // the same with prologue and statistics
        {1, {6, 6}, 4, 4, {2, 2}, {3, 3}, {1, 1}, 1},      // a stride larger than the kernel
        {2, {5, 6}, 8, 8, {1, 1}, {2, 2}, {0, 0}, 1},      // a shortcut with a prologue
        {2, {7, 9}, 17, 20, {3, 3}, {1, 1}, {0, 2}, 1},    // 3x3 in tiles of 2x2: odd sides, paddings 0 and 2
        {1, {5, 6}, 33, 16, {3, 3}, {1, 1}, {2, 1}, 1},    // the same with a bias and statistics near 100
        {3, {3, 1}, 16, 40, {3, 3}, {1, 1}, {1, 1}, 1},    // images smaller than a patch
    };
    std::vector<ConvOptions> all = with_options_in_turn(shapes);
    std::ranges::copy(with_curves({{2, {7, 5}, 3, 4, {3, 3}, {2, 2}, {1, 1}, 1},
                                   {1, {6, 5}, 8, 8, {3, 3}, {1, 1}, {1, 1}, 1}}),
                      std::back_inserter(all));
    std::ranges::copy(with_cancelling_gradients({
                          {2, {4, 5}, 24, 96, {3, 3}, {1, 1}, {1, 1}, 1},  //
                          {1, {9, 6}, 48, 16, {3, 3}, {2, 2}, {1, 1}, 1},  // d_weight by its transpose
                          {2, {6, 7}, 32, 64, {1, 1}, {2, 2}, {0, 0}, 1},  // a shortcut
                      }),
                      std::back_inserter(all));
    // Windows that are gathered value by value: they have no prologue.
    all.push_back({.shape = {3, {19, 33}, 3, 32, {3, 3}, {2, 2}, {1, 1}, 1},  // a stem
                   .statistics = Statistics::differentiated});
    all.push_back(
        {.shape = {2, {9, 7}, 5, 40, {3, 5}, {1, 2}, {1, 2}, 1},  // several steps of k, blocks of columns
         .bias = true,
         .statistics = Statistics::differentiated});
    all.push_back({.shape = {1, {6, 5}, 1, 8, {15, 15}, {1, 1}, {7, 7}, 1},
                   .samples = 10});  // as large as kernels may be
    // So many channels that few rows are cut into columns, behind a prologue.
    all.push_back({.shape = {2, {4, 5}, 8, 136, {3, 3}, {1, 1}, {1, 1}, 1},
                   .scale = true,
                   .activation = Activation::relu6,
                   .statistics = Statistics::differentiated,
                   .samples = 6});
    return conv_problems(&KernelTable::dense_conv_forward, &KernelTable::dense_conv_backward, all);
}

std::vector<Problem> dense_conv_layers() {
    const std::vector<ConvOptions> layers{
        {.shape = {1, {112, 112}, 3, 32, {3, 3}, {2, 2}, {1, 1}, 1}},  // MobileNetV2's stem
        {.shape = {2, {32, 32}, 16, 16, {3, 3}, {1, 1}, {1, 1}, 1}},   // BasicBlockNet's blocks
        {.shape = {1, {16, 16}, 64, 64, {3, 3}, {1, 1}, {1, 1}, 1}},   //
        {.shape = {2, {16, 16}, 32, 64, {1, 1}, {2, 2}, {0, 0}, 1}},   // and its shortcut
        {.shape = {1, {16, 16}, 32, 32, {3, 3}, {1, 1}, {1, 1}, 1},
         .scale = true,
         .activation = Activation::relu,
         .statistics = Statistics::differentiated}};
    return conv_problems(&KernelTable::dense_conv_forward, &KernelTable::dense_conv_backward, layers);
}

}  // namespace vitrine::gradcheck

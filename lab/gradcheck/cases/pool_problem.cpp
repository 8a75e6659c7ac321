// The shapes that both sliding pools are checked with.

#include "lab/gradcheck/cases/pool_problem.h"

#include <fmt/format.h>

namespace vitrine::gradcheck {

std::vector<PoolShape> pool_shapes() {
    // batch, in, channels, kernel, stride, padding
    return {
        {1, {1, 1}, 1, {1, 1}, {1, 1}, {0, 0}},     // the smallest
        {2, {4, 6}, 3, {2, 2}, {2, 2}, {0, 0}},     // windows side by side
        {1, {5, 7}, 17, {2, 2}, {2, 2}, {0, 0}},    // a row and a column that no window reads
        {2, {6, 5}, 16, {3, 3}, {2, 2}, {1, 1}},    // windows that overlap
        {1, {7, 7}, 33, {3, 3}, {1, 1}, {1, 1}},    //
        {1, {9, 8}, 5, {3, 2}, {2, 3}, {1, 0}},     // nothing is square
        {2, {8, 8}, 32, {8, 8}, {8, 8}, {0, 0}},    // the whole image
        {1, {2, 2}, 4, {4, 4}, {1, 1}, {2, 2}},     // a window larger than the image
        {2, {8, 8}, 6, {2, 2}, {3, 3}, {0, 0}},     // gaps between the windows
        {3, {15, 14}, 40, {2, 2}, {2, 2}, {0, 0}},  //
        {2, {16, 16}, 64, {3, 3}, {2, 2}, {1, 1}},  // several chunks
        {1, {32, 32}, 32, {8, 8}, {8, 8}, {0, 0}},  // BasicBlockNet's
    };
}

std::string describe(const PoolShape& s) {
    return fmt::format("{}x{}x{}x{}, window {}x{}, stride {}x{}, padding {}x{}", s.batch, s.in.height,
                       s.in.width, s.channels, s.kernel.height, s.kernel.width, s.stride.height,
                       s.stride.width, s.padding.height, s.padding.width);
}

}  // namespace vitrine::gradcheck

// One step of an augmentation program as the plainest loops: the definition of every op.
#pragma once

#include <vector>

#include "kernels/augment_program.h"

namespace vitrine::reference {

/// Red, green and blue, row by row.
struct AugmentImage {
    int64_t height = 0;
    int64_t width = 0;
    std::vector<uint8_t> pixels{};  // [height, width, 3]
};

/// The image after the step. Throws std::logic_error for a step that cannot be: a turn of an image that is
/// not square, a box outside of the image.
AugmentImage apply(const augment::Step& step, const AugmentImage& image);

}  // namespace vitrine::reference

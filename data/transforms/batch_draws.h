// The draws of what follows the 8-bit pixels: rectangles to erase, and what mixup and cutmix make of a batch.
#pragma once

#include "data/transforms/draws.h"
#include "data/transforms/pipeline.h"
#include "engine/augment.h"

namespace vitrine {

/// Gamma(shape, 1), by its logarithm, which has room for those of small shapes: Marsaglia and Tsang, "A
/// simple method for generating gamma variables", 2000; a shape below 1 as Gamma(shape + 1) · U^(1 / shape).
double draw_log_gamma(double shape, Draws& draws);

/// Beta(alpha, alpha), alpha above 0: the share of one Gamma(alpha) in the sum of two.
double draw_beta(double alpha, Draws& draws);

/// Where an image of this size is erased, as torchvision.transforms.RandomErasing chooses it; an empty box
/// where it is not, be it by chance or since no rectangle was found to fit in ten attempts.
ErasedBox draw_erasing(const RandomErasing& erasing, Size2 size, Draws& draws);

/// What becomes of a batch, as torchvision.transforms.v2 MixUp and CutMix have it.
struct MixDraw {
    BatchMixing mixing = BatchMixing::none;
    double lambda = 1.0;  // of an image's own label in its target; with mixup also of its pixels
    PixelBox box;         // cutmix
};

MixDraw draw_mix(const BatchMix& mix, Size2 size, Draws& draws);

}  // namespace vitrine

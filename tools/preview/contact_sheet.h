// The augmentation preview: what a recipe's transforms make of training and validation images, on one page.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "data/dataset.h"
#include "data/transforms/pipeline.h"

namespace vitrine::tools {

/// A PNG file. Each row shows a training image, chosen evenly over the classes, and what the first `epochs`
/// epochs of a run with this seed make of it, named by what was applied; to the right a validation image of
/// the same class, where there is one, and what validation sees of it. Where mixup or cutmix put the image of
/// the row above into it (that of the last row into the first), it is named by the shares in its target, too.
/// Pixels are what the network gets, noise and erasing included, with the normalisation undone; values
/// outside of 0 … 1 are cut off.
///
/// Runs on the cpu device. Needs images ≥ 1, epochs ≥ 1 and a set that is not empty.
std::vector<uint8_t> preview_sheet(const Dataset& dataset, const Transforms& transforms, int images,
                                   int epochs, uint64_t seed);

/// "12% T-shirt, 88% Bag": the target of an image of class `own` that keeps this share of it.
std::string mixture_text(double share, const std::string& own, const std::string& other);

}  // namespace vitrine::tools

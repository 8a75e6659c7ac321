// Augmentation as the engine offers it: what programs consist of, the op that runs those of a batch, and what
// ops::finish_images does to the result.
#pragma once

#include <cstdint>
#include <vector>

#include "engine/tensor.h"
#include "kernels/augment_program.h"
#include "kernels/augment_resize.h"
#include "kernels/conv.h"
#include "kernels/finish_images.h"
#include "kernels/poisson.h"

namespace vitrine {

/// The programs of a batch. All end at the size `out`.
struct AugmentBatch {
    std::vector<int64_t> samples;      // image n of the batch is images[samples[n]]; empty: 0, 1, …
    std::vector<augment::Step> steps;  // of all programs, one after the other
    std::vector<int64_t> begins{0};    // program n is steps begins[n] … begins[n + 1] − 1
    Size2 out;                         //
    Size2 largest;                     // no image on the way has a longer side than these

    int64_t count() const { return static_cast<int64_t>(begins.size()) - 1; }
};

namespace ops {

/// u8 images [any number, H, W, 3] → u8 [batch.count(), out.height, out.width, 3]; has no gradient.
Tensor augment_images(const Tensor& images, const AugmentBatch& batch);

}  // namespace ops
}  // namespace vitrine

// Augmentation of a batch of u8 images.
#pragma once

#include <cstdint>
#include <span>

#include "kernels/augment_program.h"
#include "kernels/conv.h"

namespace vitrine {

/// Runs each image's program: image n of the batch is images[samples[n]] after steps begins[n] …
/// begins[n + 1] − 1. The same bytes on every device; augment_program.h says what a step does.
///
/// Every program ends at the size `out`; within it, no side may be longer than `largest`.
struct AugmentImages {
    int64_t batch = 0;
    Size2 in;
    Size2 out;
    Size2 largest;
    const uint8_t* images = nullptr;  // [number of images, in.height, in.width, 3], on the device
    // These three are the host's.
    std::span<const int64_t> samples;      // [batch]; empty: 0, 1, …
    std::span<const augment::Step> steps;  // of all programs, one after the other
    std::span<const int64_t> begins;       // [batch + 1]
    uint8_t* y = nullptr;                  // [batch, out.height, out.width, 3]; not the memory of images
};

}  // namespace vitrine

// Augmentation of a batch of u8 images.
#pragma once

#include <cstdint>
#include <span>

#include "kernels/augment_program.h"
#include "kernels/conv.h"
#include "kernels/image_place.h"

namespace vitrine {

/// Runs each image's program: image n of the batch is the one at places[n] after steps begins[n] …
/// begins[n + 1] − 1. The same bytes on every device; augment_program.h says what a step does.
///
/// Images may differ in size. Every program ends at the size `out`.
struct AugmentImages {
    int64_t batch = 0;
    Size2 out;
    const uint8_t* images = nullptr;  // the pixels of all images, on the device
    // These three are the host's.
    std::span<const ImagePlace> places;    // [batch]: bytes from `images` on
    std::span<const augment::Step> steps;  // of all programs, one after the other
    std::span<const int64_t> begins;       // [batch + 1]
    uint8_t* y = nullptr;                  // [batch, out.height, out.width, 3]; not the memory of images
};

/// Pixels of the largest image that a device has to make on the way: what a step makes or leaves half resized, and the
/// image itself where anything is done to it before it is resized. A part that is resized first is read where it lies,
/// however large the whole is.
int64_t largest_between(const AugmentImages& args);

}  // namespace vitrine

// From u8 images to the network's input: normalised, with all that augmentation does after the 8-bit pixels.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "kernels/conv.h"
#include "kernels/dtype.h"

namespace vitrine {

/// A rectangle of an image, inside of it; empty without height.
struct PixelBox {
    int32_t top = 0;
    int32_t left = 0;
    int32_t height = 0;
    int32_t width = 0;
};

/// Random erasing: a box of one image, which a value or normal noise takes the place of.
struct ErasedBox {
    PixelBox box{};
    bool noise = false;
    std::array<double, 3> value{0, 0, 0};  // of the normalised image, each colour
};

enum class BatchMixing : int32_t { none, mixup, cutmix };

/// What happens to an image, in this order:
///
///     x = image / 255
///     x = (x − mean_c) / deviation_c
///     x = x + p / (the largest p of the batch), p ~ Poisson(rate) for each element; before or after the line
///         above; clipped to [0, 1] if wished
///     x = what its boxes hold, inside of them; where they overlap, what the last one holds
///     x = lambda · x + (1 − lambda) · (x of the image before it in the batch, of the last for the first); or,
///         cutmix: the other x inside a box, this one outside
///
/// Element i of image n (i counts values, in memory's order) draws word i of the streams
/// {seed, poisson_noise, epoch, samples[n]} and {seed, erasing_noise, epoch, samples[n]}: the result does not
/// depend on the batch but for the largest p. finish_arithmetic.h has the arithmetic, which is the same on
/// every device, and so are the bits.
///
/// Sources: noise as x + p / p.max(), the random draws but for that are torchvision's RandomErasing, v2.MixUp
/// and v2.CutMix. The spans are the host's memory.
struct ImageFinish {
    std::array<double, 3> mean{0, 0, 0};
    std::array<double, 3> stddev{1, 1, 1};

    std::span<const uint32_t> poisson{};  // poisson_table(rate) of poisson.h; empty: no noise
    bool noise_after_normalize = false;
    bool clip = true;

    std::span<const ErasedBox> boxes{};  // [batch, as many for each]; empty: none

    BatchMixing mixing = BatchMixing::none;
    double lambda = 1.0;   // mixup
    PixelBox mixed_box{};  // cutmix

    uint64_t seed = 0;
    uint32_t epoch = 0;
    std::span<const uint32_t> samples{};  // [batch]; may be empty where nothing is random

    /// Whether all there is to do is to normalise.
    bool plain() const { return poisson.empty() && boxes.empty() && mixing == BatchMixing::none; }
};

struct FinishImages {
    DType dtype = DType::f32;
    int64_t batch = 0;
    Size2 size;
    const uint8_t* images = nullptr;  // [batch, size.height, size.width, 3]
    ImageFinish finish;
    void* y = nullptr;  // [batch, size.height, size.width, 3]

    /// Values of an image.
    int64_t values() const { return size.height * size.width * 3; }
};

}  // namespace vitrine

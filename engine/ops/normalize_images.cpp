// From u8 images to the network's input. Images have no gradient, so there is no backward.

#include "engine/ops/check.h"
#include "engine/ops/ops.h"
#include "engine/trace.h"
#include "kernels/kernels.h"

namespace vitrine::ops {

Tensor normalize_images(const Tensor& images, const std::array<double, 3>& mean,
                        const std::array<double, 3>& deviation, DType dtype) {
    require(images.dtype() == DType::u8 && images.shape()[-1] == 3, "normalize_images",
            "needs u8 RGB, got {} {}", name_of(images.dtype()), images.shape().to_string());
    Tensor y = Tensor::empty(images.shape(), {dtype, images.device()});
    kernels(images.device())
        .normalize_images({.dtype = dtype,
                           .pixels = images.count() / 3,
                           .images = static_cast<const uint8_t*>(images.data()),
                           .mean = mean,
                           .deviation = deviation,
                           .y = y.data()});
    observe_forward("normalize_images", {images}, y);
    return y;
}

}  // namespace vitrine::ops

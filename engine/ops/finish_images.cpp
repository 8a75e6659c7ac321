// From u8 images to the network's input. Images have no gradient, so there is no backward.

#include "engine/ops/check.h"
#include "engine/ops/ops.h"
#include "engine/trace.h"
#include "kernels/kernels.h"

namespace vitrine::ops {

Tensor finish_images(const Tensor& images, const ImageFinish& finish, DType dtype) {
    require_rank(images, 4, "finish_images");
    require(images.dtype() == DType::u8 && images.shape()[-1] == 3, "finish_images",
            "needs u8 RGB, got {} {}", name_of(images.dtype()), images.shape().to_string());
    Tensor y = Tensor::empty(images.shape(), {dtype, images.device()});
    kernels(images.device())
        .finish_images({.dtype = dtype,
                        .batch = images.shape()[0],
                        .size = {images.shape()[1], images.shape()[2]},
                        .images = static_cast<const uint8_t*>(images.data()),
                        .finish = finish,
                        .y = y.data()});
    observe_forward("finish_images", {images}, y);
    return y;
}

}  // namespace vitrine::ops

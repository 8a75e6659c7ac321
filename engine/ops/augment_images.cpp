// Runs the augmentation programs of a batch. Images have no gradient, so there is no backward.

#include "engine/ops/check.h"
#include "engine/ops/ops.h"
#include "engine/trace.h"
#include "kernels/kernels.h"

namespace vitrine::ops {

Tensor augment_images(const Tensor& images, const AugmentBatch& batch) {
    require(images.dtype() == DType::u8, "augment_images", "needs u8 RGB, got {} {}", name_of(images.dtype()),
            images.shape().to_string());
    for (const ImagePlace& place : batch.places)
        require(place.offset >= 0 && place.offset + place.bytes() <= static_cast<int64_t>(images.bytes()),
                "augment_images", "has no image at byte {}", place.offset);
    Tensor y =
        Tensor::empty({batch.count(), batch.out.height, batch.out.width, 3}, {DType::u8, images.device()});
    kernels(images.device())
        .augment_images({.batch = batch.count(),
                         .out = batch.out,
                         .images = static_cast<const uint8_t*>(images.data()),
                         .places = batch.places,
                         .steps = batch.steps,
                         .begins = batch.begins,
                         .y = static_cast<uint8_t*>(y.data())});
    observe_forward("augment_images", {images}, y);
    return y;
}

}  // namespace vitrine::ops

// A batch of images that comes from no data set: see host_batch.h.

#include "tools/common/host_batch.h"

#include "engine/ops/ops.h"

namespace vitrine::tools {

NetworkInput upload(const HostBatch& batch, const ChannelNormalization& normalization, Placement placement) {
    const auto count = static_cast<int64_t>(batch.labels.size());
    const Tensor pixels = Tensor::from_host(batch.images, {count, batch.image_size, batch.image_size, 3},
                                            {DType::u8, placement.device});
    NetworkInput input;
    input.images = ops::finish_images(pixels, {.mean = normalization.mean, .stddev = normalization.stddev},
                                      placement.dtype);
    input.labels = Tensor::from_host(batch.labels, {count}, {DType::i32, placement.device});
    return input;
}

}  // namespace vitrine::tools

// A batch of images that comes from no data set: drawn by a benchmark or a test.
#pragma once

#include <cstdint>
#include <span>

#include "data/transforms/pipeline.h"
#include "engine/step/input.h"

namespace vitrine::tools {

struct HostBatch {
    std::span<const uint8_t> images;  // [count, size, size, 3]
    std::span<const int32_t> labels;  // [count]
    int64_t image_size = 0;
};

/// Puts it on a device and normalises it.
NetworkInput upload(const HostBatch& batch, const ChannelNormalization& normalization, Placement placement);

}  // namespace vitrine::tools

// Images and labels to time a step with: what they show does not matter.
#pragma once

#include <cstdint>
#include <vector>

#include "engine/random.h"

namespace vitrine::tools {

struct RandomBatch {
    std::vector<uint8_t> images;  // [batch_size, image_size, image_size, 3]
    std::vector<int32_t> labels;  // [batch_size]

    RandomBatch(int64_t batch_size, int64_t image_size, int64_t classes)
        : images(static_cast<size_t>(batch_size * image_size * image_size * 3)),
          labels(static_cast<size_t>(batch_size)) {
        const RandomKey key{.seed = 1, .purpose = RandomPurpose::test};
        for (size_t i = 0; i < images.size(); ++i) images[i] = static_cast<uint8_t>(random_word(key, i));
        for (size_t i = 0; i < labels.size(); ++i) {
            labels[i] = static_cast<int32_t>(i % static_cast<size_t>(classes));
        }
    }
};

}  // namespace vitrine::tools

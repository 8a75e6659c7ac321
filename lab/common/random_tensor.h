// Operands to time a kernel with: what they are does not matter.
#pragma once

#include <cstddef>
#include <vector>

#include "engine/random.h"
#include "engine/tensor.h"

namespace vitrine::tools {

inline Tensor random_tensor(const Shape& shape, Placement placement) {
    const RandomKey key{.seed = 2, .purpose = RandomPurpose::test};
    std::vector<float> values(static_cast<size_t>(shape.count()));
    for (size_t i = 0; i < values.size(); ++i) {
        values[i] = static_cast<float>(random_word(key, i) % 1024) / 512.0f - 1.0f;
    }
    return Tensor::from_host(values, shape, placement);
}

}  // namespace vitrine::tools

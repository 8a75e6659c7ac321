// What tests of whole steps train on: a model, and a batch of random images of three classes.
#pragma once

#include <vector>

#include "engine/random.h"
#include "engine/step/input.h"
#include "kernels/philox.h"
#include "models/models.h"

namespace vitrine::tests {

struct Setting {
    const char* model;
    int64_t image_size, batch;
    models::ModelVariant variant{};
};

inline NetworkInput batch_for(const Setting& setting, Placement placement) {
    const int64_t side = setting.image_size;
    std::vector<double> images(static_cast<size_t>(setting.batch * side * side * 3));
    const RandomKey key{.seed = 3, .purpose = RandomPurpose::test};
    for (size_t i = 0; i < images.size(); ++i)
        images[i] = static_cast<double>(random_word(key, i) % 1001) / 250.0 - 2.0;
    std::vector<int32_t> labels(static_cast<size_t>(setting.batch));
    for (size_t i = 0; i < labels.size(); ++i) labels[i] = static_cast<int32_t>(i % 3);
    return {Tensor::from_host(images, {setting.batch, side, side, 3}, placement),
            Tensor::from_host(labels, {setting.batch}, {DType::i32, placement.device}),
            {}};
}

}  // namespace vitrine::tests

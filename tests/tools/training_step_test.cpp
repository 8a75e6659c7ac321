// The training step: memory is reused from the second step on, and a number that is not finite is traced.

#include <doctest/doctest.h>

#include <limits>

#include "engine/memory.h"
#include "engine/random.h"
#include "engine/step/step.h"
#include "models/models.h"
#include "tools/common/host_batch.h"
#include "tools/common/non_finite.h"

namespace vitrine::tools {
namespace {

struct Example {
    std::vector<uint8_t> images;
    std::vector<int32_t> labels;

    explicit Example(int64_t count) {
        for (uint64_t i = 0; i < static_cast<uint64_t>(count) * 32 * 32 * 3; ++i)
            images.push_back(static_cast<uint8_t>(random_below({.seed = 3}, i, 256)));
        for (int32_t i = 0; i < count; ++i) labels.push_back(i % 10);
    }
    NetworkInput batch() const { return upload({images, labels, 32}, {}, {}); }
};

TEST_CASE("training asks the device for no memory after the second step") {
    const Example example(4);
    for (const models::ModelInfo& info : models::all_models()) {
        CAPTURE(info.name);
        const auto model = models::make_model(info.name, {.image_size = 32}, {}, 0);
        TrainingStep step(*model, {.momentum = 0.9}, 0.0);
        const auto train = [&](uint32_t batch) {
            step.accumulate(example.batch(), 0, batch);
            step.update({.learning_rate = 0.01});
            step.read();
        };
        train(0);
        train(1);
        const size_t after_second = memory_statistics(Device::cpu).device_requests;
        CHECK(after_second > 0);
        for (uint32_t i = 2; i < 5; ++i) train(i);
        CHECK(memory_statistics(Device::cpu).device_requests == after_second);
    }
}

TEST_CASE("the first op whose output is not finite is named with its module and shape") {
    const Example example(2);
    const auto model = models::make_model("basic_block_net", {.image_size = 32}, {}, 0);
    TrainingStep step(*model, {}, 0.0);
    const auto forward = [&] { step.repeat_forward(example.batch(), 0, 0); };
    CHECK(first_non_finite(model->state()) == nullptr);
    CHECK_FALSE(first_non_finite_op(forward));

    // Weights near the largest float: finite, but their sums are not.
    for (const nn::NamedParameter& named : model->trainable()) {
        if (named.name != "layer_2.weight") continue;
        const std::vector<float> huge(static_cast<size_t>(named.value().count()), 3e38f);
        named.value().assign(std::span<const float>(huge));
    }
    const std::optional<std::string> op = first_non_finite_op(forward);
    REQUIRE(op);
    CHECK(*op == "op pointwise_conv in module layer_2, with an output of shape [2, 32, 32, 32]");

    const std::vector<float> nan(3, std::numeric_limits<float>::quiet_NaN());
    CHECK_FALSE(all_finite(Tensor::from_host(nan, {3}, {})));
}

}  // namespace
}  // namespace vitrine::tools

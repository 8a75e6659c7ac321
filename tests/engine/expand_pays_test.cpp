// Which expansions are not written (ops::expand_pays): that depends on device, type, shape and activation.

#include <doctest/doctest.h>

#include <utility>

#include "engine/ops/ops.h"
#include "kernels/cpu/amx.h"

using namespace vitrine;

TEST_CASE("unwritten: where it pays depends on the image and not on the batch") {
    const auto pays = [](Shape shape, Placement placement, Activation activation = Activation::relu6,
                         int64_t channels = 48) {
        Pending x(Tensor::empty(std::move(shape), placement));
        x.activation = activation;
        return ops::expand_pays(x, {channels, 8});
    };
    const Placement cpu{DType::f32, Device::cpu};
    for (const int64_t batch : {1, 2, 64}) {
        CHECK(pays({batch, 32, 32, 8}, cpu));
        CHECK_FALSE(pays({batch, 32, 31, 8}, cpu));
    }
    CHECK(pays({1, 4, 32, 8}, {DType::f64, Device::cpu}));
    CHECK(pays({1, 32, 32, 8}, {DType::bf16, Device::cpu}) == (cpu::amx::refusal() == nullptr));
    CHECK_FALSE(pays({1, 32, 32, 8}, {DType::f16, Device::cpu}));
    for (const DType dtype : {DType::bf16, DType::f16}) {
        const Placement simt{dtype, Device::simt};
        for (const int64_t batch : {1, 3}) {
            CHECK(pays({batch, 28, 28, 8}, simt));
            CHECK_FALSE(pays({batch, 28, 27, 8}, simt));
        }
        CHECK(pays({1, 28, 28, 8}, simt, Activation::relu, 40));
        CHECK_FALSE(pays({1, 28, 28, 8}, simt, Activation::relu, 36));
        CHECK_FALSE(pays({1, 28, 28, 8}, simt, Activation::silu));
    }
    const auto first_pays = [](Shape shape, Placement placement, int64_t groups = 1) {
        const Pending image(Tensor::empty(std::move(shape), placement));
        const Shape weight{32, 3, 3, image.shape()[3] / groups};
        return ops::expand_pays(image, weight, {.stride = {2, 2}, .padding = {1, 1}, .groups = groups});
    };
    for (const int64_t batch : {1, 2, 64}) {
        CHECK(first_pays({batch, 64, 64, 3}, cpu));
        CHECK_FALSE(first_pays({batch, 64, 62, 3}, cpu));
        CHECK(first_pays({batch, 56, 56, 3}, {DType::bf16, Device::simt}));
        CHECK_FALSE(first_pays({batch, 56, 54, 3}, {DType::bf16, Device::simt}));
    }
    CHECK_FALSE(first_pays({1, 64, 63, 3}, {DType::bf16, Device::simt}));  // pairs of values
    CHECK_FALSE(first_pays({1, 64, 64, 4}, {DType::bf16, Device::simt}));
    CHECK(first_pays({1, 64, 63, 4}, cpu));
    CHECK_FALSE(first_pays({1, 64, 64, 4}, cpu, 2));
    CHECK_FALSE(first_pays({1, 64, 64, 3}, {DType::bf16, Device::cpu}));
    CHECK_FALSE(pays({1, 32, 32, 8}, {DType::f32, Device::simt}));
    CHECK_FALSE(pays({1, 32, 32, 8}, {DType::f32, Device::reference}));
    CHECK_FALSE(pays({1, 32, 32, 8}, cpu, Activation::silu));
    CHECK_FALSE(pays({1, 32, 32, 8}, cpu, Activation::relu, 40));
}

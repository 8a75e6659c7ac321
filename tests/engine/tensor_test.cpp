// Tensors: copies to and from devices, conversions, views.

#include "engine/tensor.h"

#include <doctest/doctest.h>

#include <stdexcept>

using namespace vitrine;

TEST_CASE("values survive the way to a device and back, in either precision") {
    const std::vector<double> values{1.5, -2.25, 0.0, 1e10, 0.1, -0.3};
    for (Device device : {Device::reference, Device::cpu}) {
        for (DType dtype : {DType::f32, DType::f64}) {
            const Tensor tensor = Tensor::from_host(values, {2, 3}, {dtype, device});
            const std::vector<double> back = tensor.to_host<double>();
            for (size_t i = 0; i < values.size(); ++i) {
                const bool single = dtype == DType::f32;
                CHECK(back[i] == (single ? static_cast<double>(static_cast<float>(values[i])) : values[i]));
            }
        }
    }
}

TEST_CASE("a wrong number of values or an impossible view is refused") {
    Tensor tensor = Tensor::zeros({2, 3}, {DType::f32, Device::cpu});
    const std::vector<float> five(5);
    CHECK_THROWS_AS(tensor.assign(std::span<const float>(five)), std::logic_error);
    CHECK_THROWS_AS(tensor.viewed_as({7}), std::logic_error);
    CHECK_THROWS_AS(tensor.item(), std::logic_error);
    const std::vector<int32_t> integers(6);
    CHECK_THROWS_AS(tensor.assign(std::span<const int32_t>(integers)), std::logic_error);
}

TEST_CASE("a view shares memory, a copy does not") {
    Tensor tensor = Tensor::zeros({2, 3}, {DType::f32, Device::cpu});
    const Tensor view = tensor.viewed_as({6});
    Tensor copy = Tensor::like(tensor);
    copy.assign_copy(tensor);
    const std::vector<float> ones(6, 1.0f);
    tensor.assign(std::span<const float>(ones));
    CHECK(view.to_host<float>() == ones);
    CHECK(copy.to_host<float>() == std::vector<float>(6, 0.0f));
}

TEST_CASE("shapes count, index from both ends and print") {
    const Shape shape{2, 3, 4};
    CHECK(shape.count() == 24);
    CHECK(shape[0] == 2);
    CHECK(shape[-1] == 4);
    CHECK(shape.to_string() == "[2, 3, 4]");
    CHECK(Shape{}.count() == 1);
    CHECK_THROWS(shape[3]);
}

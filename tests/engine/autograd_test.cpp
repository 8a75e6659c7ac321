// Autograd: whole graphs of ops against central differences in f64, and how gradients are shared and
// accumulated.

#include "engine/autograd.h"

#include <doctest/doctest.h>

#include <cmath>
#include <functional>
#include <string>
#include <vector>

#include "engine/ops/ops.h"
#include "engine/random.h"

using namespace vitrine;

namespace {

constexpr Placement placement{DType::f64, Device::reference};

Tensor random_tensor(const Shape& shape, uint32_t sample) {
    std::vector<double> values(static_cast<size_t>(shape.count()));
    const RandomKey key{.seed = 3, .purpose = RandomPurpose::test, .epoch = 0, .sample = sample};
    for (size_t i = 0; i < values.size(); ++i) values[i] = random_uniform(key, i, -1.0, 1.0);
    return Tensor::from_host(values, shape, placement);
}

Tensor random_leaf(const Shape& shape, uint32_t sample) {
    return random_tensor(shape, sample).require_gradient();
}

Tensor labels_of(std::vector<int32_t> labels) {
    const Shape shape{static_cast<int64_t>(labels.size())};
    return Tensor::from_host(labels, shape, {DType::i32, Device::reference});
}

/// Compares d loss / d leaf, for every element of every leaf, with central differences.
void check_gradients(std::vector<Tensor> leaves, const std::function<Tensor()>& loss) {
    Tape tape;
    {
        const Recording recording(tape);
        tape.backward(loss());
    }
    CHECK(tape.size() == 0);
    for (size_t which = 0; which < leaves.size(); ++which) {
        Tensor& leaf = leaves[which];
        const std::vector<double> analytic = leaf.gradient().to_host<double>();
        const std::vector<double> values = leaf.to_host<double>();
        for (size_t i = 0; i < values.size(); ++i) {
            constexpr double step = 1e-5;
            std::vector<double> moved = values;
            moved[i] = values[i] + step;
            leaf.assign(std::span<const double>(moved));
            const double above = loss().item();
            moved[i] = values[i] - step;
            leaf.assign(std::span<const double>(moved));
            const double below = loss().item();
            leaf.assign(std::span<const double>(values));
            const double numeric = (above - below) / (2.0 * step);
            CHECK_MESSAGE(std::abs(analytic[i] - numeric) <= 1e-7 * std::max(1.0, std::abs(numeric)), "leaf ",
                          which, " element ", i, ": analytic ", analytic[i], ", numeric ", numeric);
        }
    }
}

}  // namespace

TEST_CASE("a small residual network of every kind of layer") {
    const Tensor x = random_leaf({2, 6, 6, 3}, 1);
    const Tensor expand = random_leaf({8, 3}, 2), depthwise = random_leaf({3, 3, 8}, 3);
    const Tensor project = random_leaf({3, 8}, 4), dense = random_leaf({4, 3, 3, 3}, 5);
    const Tensor dense_bias = random_leaf({4}, 6), scale = random_leaf({8}, 7), shift = random_leaf({8}, 8);
    const Tensor weight = random_leaf({5, 4}, 9), bias = random_leaf({5}, 10);
    const Tensor labels = labels_of({4, 0});
    check_gradients({x, expand, depthwise, project, dense, dense_bias, scale, shift, weight, bias}, [&] {
        Tensor running_mean = Tensor::zeros({8}, placement), running_variance = Tensor::zeros({8}, placement);
        Tensor y = ops::conv(x, expand, {});
        y = ops::relu6(ops::batch_norm(y, scale, shift, running_mean, running_variance, {}));
        y = ops::conv(y, depthwise, {}, {.stride = {1, 1}, .padding = {1, 1}});
        y = ops::add(ops::conv(y, project, {}), x);
        y = ops::relu(ops::conv(y, dense, dense_bias, {.stride = {2, 2}, .padding = {1, 1}}));
        y = ops::max_pool(y, {.kernel = {2, 2}, .stride = {1, 1}});
        y = ops::average_pool(y, {.kernel = {2, 1}, .stride = {1, 1}});
        y = ops::global_average_pool(y);
        y = ops::dropout(y, 0.25, {.seed = 1, .purpose = RandomPurpose::dropout});
        return ops::softmax_cross_entropy(ops::linear(y, weight, bias), labels, 0.1);
    });
}

TEST_CASE("a tensor that is used several times collects every contribution") {
    const Tensor x = random_leaf({3, 4}, 20);
    const Tensor weight = random_leaf({4, 4}, 21);
    const Tensor labels = labels_of({1, 2, 3});
    check_gradients({x, weight}, [&] {
        const Tensor y = ops::linear(x, weight, {});
        const Tensor twice = ops::add(y, y);
        const Tensor again = ops::add(ops::linear(twice, weight, {}), ops::add(y, x));
        return ops::softmax_cross_entropy(ops::reshape(ops::add(again, twice), {3, 4}), labels, 0.0);
    });
}

TEST_CASE("a gradient that was passed on does not change with its other owner") {
    // add() hands one gradient to both inputs; accumulating into one of them must leave the other alone.
    GradientSlot a({2}, placement), b({2}, placement);
    const Tensor d_y = Tensor::from_host(std::vector<double>{1.0, 2.0}, {2}, placement);
    a.contribute(d_y);
    b.contribute(d_y);
    a.contribute(d_y);
    CHECK(a.gradient().to_host<double>() == std::vector<double>{2.0, 4.0});
    CHECK(b.gradient().to_host<double>() == std::vector<double>{1.0, 2.0});
    CHECK(d_y.to_host<double>() == std::vector<double>{1.0, 2.0});
}

TEST_CASE("a cleared slot keeps its memory and writes anew") {
    GradientSlot slot({2}, placement);
    const Gradient first = slot.receive();
    CHECK(first.mode == GradMode::write);
    CHECK(slot.receive().mode == GradMode::accumulate);
    slot.clear();
    CHECK_FALSE(slot.gradient().defined());
    const Gradient next = slot.receive();
    CHECK(next.mode == GradMode::write);
    CHECK(next.data == first.data);
}

TEST_CASE("nothing is recorded without a tape or without a parameter") {
    Tensor x = random_tensor({3, 4}, 30);
    const Tensor weight = random_tensor({4, 4}, 31);
    Tape tape;
    {
        const Recording recording(tape);
        ops::linear(x, weight, {});
    }
    CHECK(tape.size() == 0);
    x.require_gradient();
    CHECK_FALSE(ops::linear(x, weight, {}).requires_gradient());
    CHECK(tape.size() == 0);
}

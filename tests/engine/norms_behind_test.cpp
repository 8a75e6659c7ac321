// Batch norms that a convolution is told of, and those whose gradients the last reader finishes: the same numbers, whether a
// kernel does them or `normalize` (kernels/norms_behind.h), and each is done once.

#include <doctest/doctest.h>

#include <map>
#include <string>
#include <vector>

#include "engine/autograd.h"
#include "engine/ops/ops.h"
#include "engine/random.h"
#include "kernels/autotune.h"
#include "kernels/call_observer.h"
#include "kernels/kernels.h"

using namespace vitrine;

namespace {

constexpr int64_t channels = 16;

using Numbers = std::map<std::string, std::vector<double>>;

std::vector<double> numbers_of(uint32_t stream, int64_t count, double low, double high) {
    const RandomKey key{.seed = 7, .purpose = RandomPurpose::test, .epoch = 0, .sample = stream};
    std::vector<double> values(static_cast<size_t>(count));
    for (size_t i = 0; i < values.size(); ++i) values[i] = random_uniform(key, i, low, high);
    return values;
}

/// A pointwise and a depthwise convolution with their norms, and a sum of what is normalised: the first norm's numbers are read
/// by two ops, the second's by one.
struct Network {
    explicit Network(Placement where) : placement(where) {
        add("x", {2, 5, 6, channels}, -1, 1, where);
        add("pointwise", {channels, channels}, -0.5, 0.5, where);
        add("depthwise", {3, 3, channels}, -0.5, 0.5, where);
        for (const char* name : {"gamma 1", "gamma 2"}) add(name, {channels}, 0.5, 1.5, where.accumulated());
        for (const char* name : {"beta 1", "beta 2"}) add(name, {channels}, -0.5, 0.5, where.accumulated());
    }

    void add(const std::string& name, const Shape& shape, double low, double high, Placement where) {
        const auto stream = static_cast<uint32_t>(leaves.size());
        leaves.emplace(
            name,
            Tensor::from_host(numbers_of(stream, shape.count(), low, high), shape, where).require_gradient());
    }

    ops::BatchNorm norm(const std::string& number) {
        return {leaves.at("gamma " + number), leaves.at("beta " + number), running.at("mean " + number),
                running.at("variance " + number)};
    }

    /// Where the convolutions are told which norm is next.
    Tensor run(bool told) {
        const ops::ConvOptions options{.stride = {}, .moments = true};
        const ops::ConvOptions depthwise{.stride = {}, .padding = {1, 1}, .moments = true};
        const ops::BatchNorm first = norm("1"), second = norm("2");
        Pending y = ops::normalize(
            ops::conv(leaves.at("x"), leaves.at("pointwise"), {}, options, told ? &first : nullptr), first);
        y.activation = Activation::relu6;
        const Pending z = ops::normalize(
            ops::conv(y, leaves.at("depthwise"), {}, depthwise, told ? &second : nullptr), second);
        y.activation = Activation::identity;
        return ops::resolve(ops::add(z, y));
    }

    /// All that comes of a step of Σ y² / 2, and how often which kernel was called.
    Numbers step(bool told) {
        Tape tape;
        Tensor y;
        const CallObserver observer([this](const KernelCall& call) { ++calls[call.kernel]; });
        {
            const Recording recording(tape);
            y = run(told);
        }
        y.slot()->contribute(y);
        tape.backward_from_slots();
        Numbers numbers{{"y", y.to_host<double>()}};
        for (const auto& [name, leaf] : leaves) {
            REQUIRE_MESSAGE(leaf.gradient().defined(), name);
            numbers["gradient of " + name] = leaf.gradient().to_host<double>();
        }
        for (const auto& [name, statistic] : running) numbers[name] = statistic.to_host<double>();
        return numbers;
    }

    Placement placement;
    std::map<std::string, Tensor> leaves{};
    std::map<std::string, int> calls{};
    std::map<std::string, Tensor> running{{"mean 1", filled(0.1)},
                                          {"mean 2", filled(-0.2)},
                                          {"variance 1", filled(0.8)},
                                          {"variance 2", filled(1.2)}};

  private:
    Tensor filled(double value) const {
        return Tensor::from_host(std::vector<double>(channels, value), {channels}, placement.accumulated());
    }
};

}  // namespace

TEST_CASE("a norm gives the same numbers, whether the convolution before was told of it or not") {
    for (const Device device : {Device::reference, Device::cpu, Device::simt}) {
        for (const DType dtype : {DType::f64, DType::f32}) {
            CAPTURE(name_of(device));
            CAPTURE(name_of(dtype));
            Network told({dtype, device}), untold({dtype, device});
            CHECK(told.step(true) == untold.step(false));
            CHECK(untold.calls["normalize_forward"] == 2);
            CHECK(told.calls["normalize_forward"] == (device == Device::simt ? 0 : 2));
        }
    }
}

TEST_CASE("a norm's backward follows the last op that reads its numbers, and is done once") {
    Network plain({DType::f64, Device::reference}), taken({DType::f64, Device::simt});
    const Numbers expected = plain.step(true), found = taken.step(true);
    CHECK(plain.calls["normalize_backward"] == 2);
    CHECK(taken.calls["normalize_backward"] == 0);
    for (const auto& [name, values] : expected) {
        CAPTURE(name);
        for (size_t i = 0; i < values.size(); ++i)
            CHECK(found.at(name)[i] == doctest::Approx(values[i]).epsilon(1e-9));
    }
}

TEST_CASE("a norm behind a call that is autotuned is done once, not by what is tried") {
    const Placement simt{DType::f32, Device::simt};
    Network tuned(simt), plain(simt);
    {
        const Autotune autotune(listed_kernels(Device::simt), Device::simt, {}, {});
        const Numbers first = tuned.step(true);
        CHECK(first.at("mean 1") == plain.step(true).at("mean 1"));
        CHECK(!autotune.calls().empty());
    }
    CHECK(tuned.calls["normalize_forward"] <= 2);
}

TEST_CASE("a norm behind sums over nothing is done, too") {
    for (const Device device : {Device::reference, Device::cpu, Device::simt}) {
        CAPTURE(name_of(device));
        const auto filled = [&](double value) {
            return Tensor::from_host(std::vector<double>(5, value), {5}, {DType::f64, device});
        };
        const Tensor x = filled(1), numbers = filled(2), d_scale = filled(9), d_shift = filled(9),
                     d_weight = filled(9), d_bias = filled(9);
        const NormalizeBackward norm{.dtype = DType::f64,
                                     .rows = 4,
                                     .channels = 5,
                                     .mean = numbers.data(),
                                     .rstd = numbers.data(),
                                     .weight = numbers.data(),
                                     .d_scale = d_scale.data(),
                                     .d_shift = d_shift.data(),
                                     .d_mean = {},
                                     .d_m2 = {},
                                     .d_weight = {d_weight.data()},
                                     .d_bias = {d_bias.data()}};
        NormsBehind norms;
        norms.want(norm);
        kernels(device).resolve_backward({.dtype = DType::f64,
                                          .rows = 0,
                                          .channels = 5,
                                          .a = {x.data(), numbers.data(), numbers.data()},
                                          .b = {},
                                          .z = nullptr,
                                          .d_z = x.data(),
                                          .d_a = {{}, {d_scale.data()}, {d_shift.data()}},
                                          .d_b = {}},
                                         norms);
        for (const Tensor& gradient : {d_scale, d_shift, d_weight, d_bias})
            CHECK(gradient.to_host<double>() == std::vector<double>(5, 0.0));
    }
}

TEST_CASE("a convolution that leaves no moments can do no norm") {
    Network network({DType::f32, Device::cpu});
    const ops::BatchNorm norm = network.norm("1");
    CHECK_THROWS_AS(ops::conv(network.leaves.at("x"), network.leaves.at("pointwise"), {}, {}, &norm),
                    std::logic_error);
}

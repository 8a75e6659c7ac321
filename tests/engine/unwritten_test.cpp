// A tensor that is not written (Pending::expansion): a depthwise convolution that reads through it, and whoever cannot, get what
// they get of the tensor.

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "engine/autograd.h"
#include "engine/ops/ops.h"
#include "engine/random.h"
#include "tests/golden_devices.h"

using namespace vitrine;

namespace {

constexpr int64_t images = 2, side = 9, narrow_channels = 5, wide_channels = 16;

/// The leaves of a part of a network: x, what is pending of it, an expansion with its batch norm, a depthwise convolution with its.
struct Leaves {
    explicit Leaves(Placement where, int64_t pixels_wide = side) : placement(where) {
        add("x", {images, pixels_wide, pixels_wide, narrow_channels}, -1.0, 1.0);
        add("narrow scale", {narrow_channels}, 0.5, 1.5);
        add("narrow shift", {narrow_channels}, -0.5, 0.5);
        add("expansion", {wide_channels, narrow_channels}, -1.0, 1.0);
        add("first", {wide_channels, 3, 3, narrow_channels}, -0.5, 0.5);
        add("dense", {4, 3, 3, wide_channels}, -0.5, 0.5);
        add("pointwise", {4, wide_channels}, -0.5, 0.5);
        add("depthwise", {3, 3, wide_channels}, -1.0, 1.0);
        for (const char* norm : {"gamma", "first gamma"}) add(norm, {wide_channels}, 0.5, 1.5);
        for (const char* norm : {"beta", "first beta"}) add(norm, {wide_channels}, -0.5, 0.5);
    }

    Tensor& operator[](const std::string& name) { return leaves.at(name); }

    void add(const std::string& name, const Shape& shape, double low, double high) {
        const RandomKey key{.seed = 11,
                            .purpose = RandomPurpose::test,
                            .epoch = 0,
                            .sample = static_cast<uint32_t>(leaves.size())};
        std::vector<double> values(static_cast<size_t>(shape.count()));
        for (size_t i = 0; i < values.size(); ++i) values[i] = random_uniform(key, i, low, high);
        leaves.emplace(name, Tensor::from_host(values, shape, placement).require_gradient());
    }

    /// Pending: scaled, shifted, relu6.
    Pending input() {
        Pending x(AffineTensor{leaves.at("x"), leaves.at("narrow scale"), leaves.at("narrow shift")});
        x.activation = Activation::relu6;
        return x;
    }

    Pending normalised(const Pending& x, const std::string& which, bool training) {
        Pending y = ops::normalize(
            x,
            {leaves.at(which + "gamma"), leaves.at(which + "beta"), mean, variance, {.training = training}});
        y.activation = Activation::relu6;
        return y;
    }

    Placement placement;
    std::map<std::string, Tensor> leaves{};
    Tensor mean = Tensor::from_host(std::vector<double>(wide_channels, 0.1), {wide_channels}, placement);
    Tensor variance = Tensor::from_host(std::vector<double>(wide_channels, 0.7), {wide_channels}, placement);
};

using Numbers = std::map<std::string, std::vector<double>>;

/// What `network` computes and all gradients, of Σ y² / 2: the gradient of y is y.
Numbers outcome(Leaves& leaves, const std::function<Tensor(Leaves&)>& network) {
    Tape tape;
    Tensor y;
    {
        const Recording recording(tape);
        y = network(leaves);
    }
    Numbers numbers{{"y", y.to_host<double>()}};
    y.slot()->contribute(Tensor::from_host(numbers["y"], y.shape(), leaves.placement));
    tape.backward_from_slots();
    for (const auto& [name, leaf] : leaves.leaves)
        if (leaf.gradient().defined()) numbers["gradient of " + name] = leaf.gradient().to_host<double>();
    numbers["mean"] = leaves.mean.to_host<double>();
    numbers["variance"] = leaves.variance.to_host<double>();
    return numbers;
}

/// The largest difference of two tensors, over the largest element of the second.
double distance(const std::vector<double>& found, const std::vector<double>& expected) {
    double most = 0, difference = 0;
    for (size_t i = 0; i < expected.size(); ++i) {
        most = std::max(most, std::abs(expected[i]));
        difference = std::max(difference, std::abs(expected[i] - found.at(i)));
    }
    return difference / most;
}

void check_same(const Numbers& found, const Numbers& expected) {
    CHECK(found.size() == expected.size());
    for (const auto& [name, values] : expected) {
        CAPTURE(name);
        REQUIRE(found.contains(name));
        REQUIRE(found.at(name).size() == values.size());
        CHECK(distance(found.at(name), values) <= 1e-12);
    }
}

ops::ConvOptions with_moments(bool moments) {
    ops::ConvOptions options;
    options.moments = moments;
    return options;
}

struct Case {
    bool training = true;
    bool pending_input = true;
    int64_t stride = 1;
};

/// Expansion, batch norm, relu6, depthwise convolution, batch norm, relu6.
Tensor half_a_block(Leaves& leaves, const Case& of, bool unwritten) {
    const Pending x = of.pending_input ? leaves.input() : Pending(leaves["x"]);
    const Pending e = unwritten ? ops::expand(x, leaves["expansion"], with_moments(of.training))
                                : ops::conv(x, leaves["expansion"], {}, with_moments(of.training));
    CHECK(e.written() == !unwritten);
    CHECK(e.shape() == Shape{images, x.shape()[1], x.shape()[2], wide_channels});
    const Pending b = leaves.normalised(e, "first ", of.training);
    CHECK(b.written() == !unwritten);
    ops::ConvOptions options = with_moments(of.training);
    options.stride = {of.stride, of.stride};
    options.padding = {1, 1};
    return ops::resolve(leaves.normalised(ops::conv(b, leaves["depthwise"], {}, options), "", of.training));
}

/// A first layer: a dense convolution at stride 2 of an image without a gradient, and the same behind it.
Tensor first_layers(Leaves& leaves, bool training, bool unwritten) {
    const Tensor image = leaves["x"].viewed_as(leaves["x"].shape());
    ops::ConvOptions options = with_moments(training);
    options.stride = {2, 2};
    options.padding = {1, 1};
    const Pending e = unwritten ? ops::expand(image, leaves["first"], options)
                                : ops::conv(Pending(image), leaves["first"], {}, options);
    CHECK(e.written() == !unwritten);
    CHECK(e.shape() == Shape{images, (side + 1) / 2, (side + 1) / 2, wide_channels});
    const Pending b = leaves.normalised(e, "first ", training);
    options.stride = {1, 1};
    return ops::resolve(leaves.normalised(ops::conv(b, leaves["depthwise"], {}, options), "", training));
}

const std::vector<Device> devices = tests::golden_devices({Device::reference, Device::cpu, Device::simt});

}  // namespace

TEST_CASE("unwritten: a depthwise convolution computes the same, and all gradients") {
    for (const Device device : devices) {
        CAPTURE(name_of(device));
        for (const Case& of :
             {Case{}, Case{.stride = 2}, Case{.pending_input = false}, Case{.training = false}}) {
            CAPTURE(of.training);
            CAPTURE(of.pending_input);
            CAPTURE(of.stride);
            const auto run = [&](bool unwritten) {
                Leaves leaves({DType::f64, device});
                return outcome(leaves, [&](Leaves& all) { return half_a_block(all, of, unwritten); });
            };
            const Numbers found = run(true);
            CHECK(found.contains("gradient of expansion"));
            CHECK(found.contains("gradient of first gamma"));
            check_same(found, run(false));
        }
    }
}

TEST_CASE("unwritten: what windows of an image make is convolved as if it were written") {
    for (const Device device : devices) {
        CAPTURE(name_of(device));
        for (const bool training : {true, false}) {
            CAPTURE(training);
            const auto run = [&](bool unwritten) {
                Leaves leaves({DType::f64, device});
                return outcome(leaves, [&](Leaves& all) { return first_layers(all, training, unwritten); });
            };
            const Numbers found = run(true);
            CHECK(found.contains("gradient of first"));
            check_same(found, run(false));
        }
    }
}

TEST_CASE("unwritten: windows written after all are those of the convolution") {
    Leaves leaves({DType::f64, Device::cpu});
    const Tensor image = leaves["x"].viewed_as(leaves["x"].shape());
    const ops::ConvOptions options{.stride = {2, 1}, .padding = {0, 1}};
    const Pending e = ops::expand(image, leaves["first"], options);
    CHECK_FALSE(e.written());
    CHECK(ops::resolve(e).to_host<double>() ==
          ops::conv(image, leaves["first"], {}, options).to_host<double>());
}

TEST_CASE("unwritten: in f32 it is as exact as what is written") {
    const auto run = [](DType dtype, bool unwritten) {
        Leaves leaves({dtype, Device::cpu}, 48);
        return outcome(leaves, [&](Leaves& all) { return half_a_block(all, {}, unwritten); });
    };
    const Numbers exact = run(DType::f64, false), written = run(DType::f32, false),
                  unwritten = run(DType::f32, true);
    for (const auto& [name, expected] : exact) {
        CAPTURE(name);
        const double of_written = distance(written.at(name), expected),
                     of_unwritten = distance(unwritten.at(name), expected);
        CHECK(of_unwritten <= 2 * of_written + 1e-7);  // 1.7 times at most, with AVX-512 and with AVX2
    }
}

TEST_CASE("unwritten: whoever cannot read through it writes it first") {
    using Network = std::function<Tensor(Leaves&, const Pending& wide)>;
    const std::map<std::string, Network> networks{
        {"resolve", [](Leaves&, const Pending& wide) { return ops::resolve(wide); }},
        {"a plain one",
         [](Leaves&, const Pending& wide) {
             Pending plain = wide;
             plain.value.scale = plain.value.shift = Tensor();
             plain.activation = Activation::identity;
             return ops::resolve(plain);
         }},
        {"a term of a sum",
         [](Leaves&, const Pending& wide) {
             Pending term = wide;
             term.activation = Activation::identity;
             const Pending sum = ops::add(term, ops::resolve(wide));
             CHECK(sum.written());
             return ops::resolve(sum);
         }},
        {"a sum of what is activated",
         [](Leaves&, const Pending& wide) { return ops::resolve(ops::add(wide, wide)); }},
        {"a residual, and then a depthwise convolution",
         [](Leaves& leaves, const Pending& wide) {
             Pending sum = wide;
             sum.residual = AffineTensor{ops::resolve(wide), {}, {}};
             return ops::resolve(ops::conv(sum, leaves["depthwise"], {}));
         }},
        {"a pointwise convolution",
         [](Leaves& leaves, const Pending& wide) {
             return ops::resolve(ops::conv(wide, leaves["pointwise"], {}));
         }},
        {"a dense convolution",
         [](Leaves& leaves, const Pending& wide) {
             return ops::resolve(ops::conv(wide, leaves["dense"], {}));
         }},
        {"a depthwise convolution with a bias",
         [](Leaves& leaves, const Pending& wide) {
             return ops::resolve(ops::conv(wide, leaves["depthwise"], leaves["beta"]));
         }},
        {"another expansion",
         [](Leaves& leaves, const Pending& wide) {
             const Pending next = ops::expand(wide, leaves["pointwise"], with_moments(true));
             CHECK(!next.written());
             CHECK(next.moments.defined());
             return ops::resolve(next);
         }},
        {"silu",
         [](Leaves& leaves, const Pending& wide) {
             Pending curved = wide;
             curved.activation = Activation::silu;
             return ops::resolve(ops::conv(curved, leaves["depthwise"], {}));
         }},
        {"a global average pool",
         [](Leaves&, const Pending& wide) { return ops::global_average_pool(wide); }},
        {"silu, and then a global average pool",
         [](Leaves&, const Pending& wide) {
             Pending curved = wide;
             curved.activation = Activation::silu;
             return ops::global_average_pool(curved);
         }},
        {"a residual, and then a global average pool",
         [](Leaves&, const Pending& wide) {
             Pending sum = wide;
             sum.residual = AffineTensor{ops::resolve(wide), {}, {}};
             return ops::global_average_pool(sum);
         }},
        {"pools", [](Leaves&, const Pending& wide) {
             const Tensor x = ops::max_pool(ops::resolve(wide), {.kernel = {3, 3}, .stride = {2, 2}});
             return ops::global_average_pool(x);
         }}};
    for (const Device device : devices) {
        for (const auto& [name, network] : networks) {
            CAPTURE(name_of(device));
            CAPTURE(name);
            const auto run = [&](bool unwritten) {
                Leaves leaves({DType::f64, device});
                return outcome(leaves, [&](Leaves& all) {
                    const Pending e = unwritten
                                          ? ops::expand(all.input(), all["expansion"], with_moments(true))
                                          : ops::conv(all.input(), all["expansion"], {}, with_moments(true));
                    return network(all, all.normalised(e, "first ", true));
                });
            };
            check_same(run(true), run(false));
        }
    }
}

TEST_CASE("a global average pool of what is pending is that of what it stands for") {
    for (const Device device : devices) {
        CAPTURE(name_of(device));
        for (const bool training : {true, false}) {
            CAPTURE(training);
            const auto run = [&](bool pending) {
                Leaves leaves({DType::f64, device});
                return outcome(leaves, [&](Leaves& all) {
                    const Pending e = ops::conv(all.input(), all["expansion"], {}, with_moments(training));
                    const Pending normalised = all.normalised(e, "first ", training);
                    return ops::global_average_pool(pending ? normalised : ops::resolve(normalised));
                });
            };
            const Numbers found = run(true);
            CHECK(found.contains("gradient of first gamma"));
            check_same(found, run(false));
        }
    }
}

TEST_CASE("unwritten: writing it keeps what is pending and the moments") {
    Leaves leaves({DType::f64, Device::cpu});
    Pending e = ops::expand(leaves.input(), leaves["expansion"], with_moments(true));
    e.activation = Activation::relu;
    const Pending written = ops::write(e);
    CHECK(written.written());
    CHECK_FALSE(written.plain());
    CHECK(written.shape() == e.shape());
    CHECK(written.moments.mean.data() == e.moments.mean.data());
    CHECK(written.activation == Activation::relu);
    CHECK_FALSE(e.whole());
    CHECK(ops::write(written).value.x.data() == written.value.x.data());  // once
}

TEST_CASE("unwritten: a weight is finished when both of its gradients are there") {
    Leaves leaves({DType::f64, Device::cpu});
    Tape tape;
    Tensor y;
    {
        const Recording recording(tape);
        y = half_a_block(leaves, {}, true);
    }
    y.slot()->contribute(Tensor::from_host(y.to_host<double>(), y.shape(), leaves.placement));
    std::map<std::string, std::vector<std::vector<double>>> finished;
    tape.backward_from_slots([&](const GradientSlot* slot) {
        for (const auto& [name, leaf] : leaves.leaves)
            if (leaf.slot().get() == slot) finished[name].push_back(slot->gradient().to_host<double>());
    });
    for (const char* name : {"expansion", "x", "narrow scale", "depthwise", "first gamma"}) {
        CAPTURE(name);
        CHECK(finished[name].size() == 1);
        CHECK(finished[name].back() == leaves[name].gradient().to_host<double>());
    }
}

TEST_CASE("unwritten: gradients of two batches add up") {
    Leaves once({DType::f64, Device::cpu}), twice({DType::f64, Device::cpu});
    const auto network = [](Leaves& all) { return half_a_block(all, {}, true); };
    const std::vector<double> single = outcome(once, network).at("gradient of expansion");
    outcome(twice, network);
    const std::vector<double> both = outcome(twice, network).at("gradient of expansion");
    for (size_t i = 0; i < both.size(); ++i) CHECK(both[i] == doctest::Approx(2 * single[i]).epsilon(1e-12));
}

TEST_CASE("unwritten: of a frozen expansion, or an input without a gradient, no gradients are made") {
    for (const bool freeze_weight : {true, false}) {
        CAPTURE(freeze_weight);
        const auto run = [&](bool unwritten) {
            Leaves leaves({DType::f64, Device::cpu});
            for (const char* name : {"x", "narrow scale", "narrow shift"})
                if (!freeze_weight) leaves[name] = leaves[name].viewed_as(leaves[name].shape());
            if (freeze_weight)
                leaves["expansion"] = leaves["expansion"].viewed_as(leaves["expansion"].shape());
            return outcome(leaves, [&](Leaves& all) { return half_a_block(all, {}, unwritten); });
        };
        const Numbers found = run(true);
        CHECK(found.contains("gradient of expansion") == !freeze_weight);
        check_same(found, run(false));
    }
}

TEST_CASE("unwritten: what does not fit is refused") {
    Leaves leaves({DType::f64, Device::cpu});
    CHECK_THROWS_AS(ops::expand(leaves["x"], leaves["depthwise"], with_moments(true)), std::logic_error);
    CHECK_THROWS_AS(ops::expand(leaves["x"], leaves["pointwise"], with_moments(true)), std::logic_error);
    CHECK_THROWS_AS(ops::expand(leaves["x"], leaves["first"]), std::logic_error);  // x has a gradient
    const Pending e = ops::expand(leaves["x"], leaves["expansion"]);
    CHECK_THROWS_AS(leaves.normalised(e, "", true), std::logic_error);  // moments are missing
    leaves.add("other", {3, 3, 8}, -1.0, 1.0);
    CHECK_THROWS_AS(ops::conv(e, leaves["other"], {}), std::logic_error);
}

// bench: the costs it counts, the layers it finds, refusals, and the program.

#include <doctest/doctest.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <set>

#include "engine/autograd.h"
#include "engine/ops/ops.h"
#include "kernels/kernels.h"
#include "kernels/threads.h"
#include "lab/bench/augment_bench.h"
#include "lab/bench/augment_report.h"
#include "lab/bench/op_bench.h"
#include "lab/bench/op_report.h"
#include "lab/bench/roofline.h"
#include "lab/bench/statistics.h"
#include "models/models.h"
#include "tests/tools/program.h"

namespace vitrine::tools {
namespace {

constexpr Placement placement{DType::f32, Device::cpu};

Tensor trained(const Shape& shape) {
    Tensor tensor = Tensor::zeros(shape, placement);
    return tensor.require_gradient();
}

struct EventCost {
    std::string op;
    Cost forward, backward;
};

/// The costs of the ops that `body` runs.
template <class Body>
std::vector<EventCost> costs_of(Body&& body) {
    std::vector<EventCost> costs;
    const Trace trace([&](const OpEvent& event) {
        costs.push_back({event.op, forward_cost(event), backward_cost(event)});
    });
    body();
    return costs;
}

/// Two depthwise convolutions, of which `direct` takes only the first.
Workload depthwise_3_and_7() {
    const Tensor x = trained({2, 8, 8, 16}), w3 = trained({3, 3, 16}), w7 = trained({7, 7, 16});
    return {"a test", [=](LayerTimer& timer) {
                for (const Tensor& leaf : {x, w3, w7}) leaf.slot()->clear();
                Tape tape;
                const Recording recording(tape);
                timer.start_forward();
                const Tensor middle = ops::conv(x, w3, {}, {.stride = {2, 2}, .padding = {1, 1}});
                const Tensor y = ops::conv(middle, w7, {}, {.stride = {1, 1}, .padding = {3, 3}});
                y.slot()->pass(y);
                timer.start_backward();
                tape.backward_from_slots();
            }};
}

/// With one thread a step of tiny kernels does not wait for another one, however busy the machine is.
class OneThread {
  public:
    OneThread() : before_(threads()) { set_threads(1); }
    ~OneThread() { set_threads(before_); }
    OneThread(const OneThread&) = delete;
    OneThread& operator=(const OneThread&) = delete;

  private:
    int before_;
};

OpBenchOptions tiny(const std::string& op) {
    OpBenchOptions options;
    options.op = op;
    options.image_size = 32;
    options.batch_size = 2;
    options.classes = 10;
    options.steps = 2;
    return options;
}

std::string short_name(std::string name) {
    for (const std::string suffix : {"_forward", "_backward"}) {
        if (name.ends_with(suffix)) return name.substr(0, name.size() - suffix.size());
    }
    return name;
}

}  // namespace

TEST_CASE("the cost of a dense convolution") {
    const Tensor x = trained({2, 5, 5, 3}), weight = trained({4, 3, 3, 3});
    const auto costs = costs_of([&] { ops::conv(x, weight, {}, {.stride = {1, 1}, .padding = {1, 1}}); });
    REQUIRE(costs.size() == 1);
    // 200 outputs of 27 multiply-adds; x has 150 elements, the weight 108, y 200.
    CHECK(costs[0].forward.flops == 200 * 27 * 2);
    CHECK(costs[0].forward.bytes == 4 * (150 + 108 + 200));
    CHECK(costs[0].backward.flops == 2 * 200 * 27 * 2);
    CHECK(costs[0].backward.bytes == 4 * (200 + 150 + 108 + 150 + 108));
}

TEST_CASE("a convolution of the images computes no gradient of them") {
    const Tensor x = Tensor::zeros({2, 5, 5, 3}, placement), weight = trained({4, 3, 3, 3});
    const auto costs = costs_of([&] { ops::conv(x, weight, {}, {.stride = {1, 1}, .padding = {1, 1}}); });
    REQUIRE(costs.size() == 1);
    CHECK(costs[0].backward.flops == 200 * 27 * 2);
    CHECK(costs[0].backward.bytes == 4 * (200 + 150 + 108));
}

TEST_CASE("the cost of a batch norm") {
    const Tensor x = trained({2, 3, 3, 4}), weight = trained({4}), bias = trained({4});
    Tensor mean = Tensor::zeros({4}, placement), variance = Tensor::zeros({4}, placement);
    const auto costs = costs_of([&] { ops::batch_norm(x, weight, bias, mean, variance, {}); });
    REQUIRE(costs.size() == 1);
    CHECK(costs[0].forward.flops == 0);
    CHECK(costs[0].forward.bytes == 4 * (72 + 4 + 4 + 72));
    CHECK(costs[0].backward.bytes == 4 * (72 + 72 + 4 + 72 + 4 + 4));
}

TEST_CASE("the cost of max pooling and of the loss includes what backward needs") {
    const Tensor x = trained({2, 4, 4, 3}), logits = trained({2, 5});
    const Tensor labels = Tensor::from_host(std::vector<int32_t>{0, 1}, {2}, {DType::i32, Device::cpu});
    const auto costs = costs_of([&] {
        ops::max_pool(x, {.kernel = {2, 2}, .stride = {2, 2}, .padding = {0, 0}});
        ops::softmax_cross_entropy(logits, labels, 0.0);
    });
    REQUIRE(costs.size() == 2);
    CHECK(costs[0].forward.bytes == 4 * (96 + 24 + 24));
    CHECK(costs[0].backward.bytes == 4 * (24 + 24 + 96));
    CHECK(costs[1].forward.bytes == 4 * (10 + 2 + 10 + 1));
    CHECK(costs[1].backward.bytes == 4 * (1 + 10 + 2 + 10));
}

TEST_CASE("MobileNetV2 at 224 multiplies and adds 300,774,272 times an image") {
    const auto model = models::make_model("mobilenet_v2", {.classes = 1000, .image_size = 224}, placement, 1);
    model->set_training(false);
    Cost total;
    const Trace trace([&](const OpEvent& event) { total += forward_cost(event); });
    (*model)(Tensor::zeros({1, 224, 224, 3}, placement));
    CHECK(total.flops == 2.0 * 300'774'272);
}

TEST_CASE("the roofline takes the peak that binds") {
    const Peak peak{.flops = 100.0, .bandwidth = 10.0};
    CHECK(least_seconds({400.0, 10.0}, peak) == 4.0);
    CHECK(std::string(bound_of({400.0, 10.0}, peak)) == "compute");
    CHECK(least_seconds({400.0, 50.0}, peak) == 5.0);
    CHECK(std::string(bound_of({400.0, 50.0}, peak)) == "memory");
}

TEST_CASE("median and extremes") {
    CHECK(spread_of({3.0, 1.0, 2.0}).median == 2.0);
    CHECK(spread_of({4.0, 1.0, 2.0, 3.0}).median == 2.5);
    CHECK(spread_of({4.0, 1.0, 2.0}).minimum == 1.0);
    CHECK(spread_of({4.0, 1.0, 2.0}).maximum == 4.0);
}

TEST_CASE("a refused shape says why and the others are timed") {
    const OneThread one_thread;
    LayerTimer timer(depthwise_3_and_7());
    const auto kernels = bench_targets(targets_of("depthwise_conv", Device::cpu), timer, Device::cpu, 3);
    REQUIRE(kernels.size() == 2);
    for (const KernelBench& kernel : kernels) {
        CAPTURE(kernel.kernel);
        REQUIRE(kernel.shapes.size() == 2);
        CHECK(kernel.shapes[0].shape == "8x8x16 -> 4x4x16 k3 s2");
        CHECK(kernel.shapes[1].shape == "4x4x16 k7 s1");
        const Measurement& taken = kernel.shapes[0].implementations.front();
        CHECK(taken.implementation == "direct");
        CHECK(taken.refused.empty());
        CHECK(taken.seconds.size() == 3);
        const Measurement& refused = kernel.shapes[1].implementations.front();
        CHECK(refused.refused == "kernel other than 3x3 and 5x5");
        CHECK(refused.seconds.empty());
        CHECK(kernel.shapes[1].implementations.back().refused.empty());
        CHECK(kernel.totals().front().layers == 1);
        CHECK(kernel.totals().back().layers == 2);
    }
    const Peak peak{.flops = 1e12, .bandwidth = 1e11};
    CHECK(format_op(tiny("depthwise_conv"), kernels, peak).find("refused: kernel other than 3x3 and 5x5") !=
          std::string::npos);
    CHECK(forced_implementation(Device::cpu, "depthwise_conv_forward").empty());
}

TEST_CASE("bench op times every implementation of every kernel there is") {
    const OneThread one_thread;
    std::set<std::string> ops, timed, expected;
    for_each_kernel(Device::cpu, [&](const auto& kernel) {
        ops.insert(short_name(kernel->name()));
        for (const auto& implementation : kernel->implementations()) {
            // For activations in a convolution's prologue that no model has (kernels/conv_fusion.h).
            if (std::string_view(implementation.name) == "unfused") continue;
            expected.insert(std::string(kernel->name()) + "=" + implementation.name);
        }
    });
    for (const std::string& op : ops) {
        CAPTURE(op);
        for (const KernelBench& kernel : bench_op(tiny(op))) {
            REQUIRE(!kernel.shapes.empty());
            for (const Total& total : kernel.totals()) {
                timed.insert(kernel.kernel + "=" + total.implementation);
                CHECK(total.cost.bytes > 0.0);
                CHECK(total.seconds.size() == 2);
                CHECK(std::ranges::all_of(total.seconds, [](double seconds) { return seconds > 0.0; }));
            }
        }
    }
    std::vector<std::string> untimed;
    std::ranges::set_difference(expected, timed, std::back_inserter(untimed));
    CAPTURE(fmt::format("{}", fmt::join(untimed, ", ")));
    CHECK(timed == expected);
}

TEST_CASE("bench op finds MobileNetV2's layers") {
    const OneThread one_thread;
    const auto kernels = bench_op(tiny("depthwise_conv_backward"));
    REQUIRE(kernels.size() == 1);
    CHECK(kernels[0].kernel == "depthwise_conv_backward");
    CHECK(kernels[0].totals().front().layers == 17);
    CHECK(kernels[0].shapes[0].shape == "16x16x32 k3 s1");
    CHECK(kernels[0].shapes[1].shape == "16x16x96 -> 8x8x96 k3 s2");
}

TEST_CASE("bench op takes only what --impl allows") {
    const OneThread one_thread;
    force_implementation(Device::cpu, "linear=onednn");
    const auto kernels = bench_op(tiny("linear"));
    CHECK(forced_implementation(Device::cpu, "linear_forward") == "onednn");
    force_implementation(Device::cpu, "linear=");
    REQUIRE(kernels.size() == 2);
    for (const KernelBench& kernel : kernels) {
        REQUIRE(kernel.totals().size() == 1);
        CHECK(kernel.totals()[0].implementation == "onednn");
    }
}

TEST_CASE("bench step --json prints one object with what peers are compared by") {
    const tests::Outcome outcome =
        tests::run("bench", {"step", "--model", "basic_block_net", "--image-size", "16", "--batch-size", "4",
                             "--classes", "10", "--steps", "2", "--per-op", "--json", "--threads", "1"});
    CAPTURE(outcome.err);
    REQUIRE(outcome.code == 0);
    const auto json = nlohmann::json::parse(outcome.out);
    for (const char* key : {"model",
                            "image_size",
                            "batch_size",
                            "device",
                            "threads",
                            "steps",
                            "seconds_median",
                            "seconds_min",
                            "seconds_max",
                            "images_per_second",
                            "flops",
                            "bytes",
                            "gflops",
                            "gbytes_per_second",
                            "peak_gflops",
                            "peak_gbytes_per_second",
                            "device_bytes",
                            "traced_seconds",
                            "forward_seconds",
                            "backward_seconds",
                            "update_seconds",
                            "other_seconds",
                            "ops"}) {
        CHECK_MESSAGE(json.contains(key), key);
    }
    CHECK(json["image_size"] == 16);
    CHECK(json["steps"] == 2);
    CHECK(json["peak_gflops"] > 0.0);
    double sum = json["other_seconds"];
    for (const auto& op : json["ops"]) {
        sum += op["forward_seconds"].get<double>() + op["backward_seconds"].get<double>();
    }
    CHECK(std::abs(sum - json["traced_seconds"].get<double>()) < 1e-9);
    CHECK(json["other_seconds"] >= 0.0);
}

TEST_CASE("bench op --json prints one object") {
    const tests::Outcome outcome =
        tests::run("bench", {"op", "linear", "--image-size", "32", "--batch-size", "2", "--steps", "1",
                             "--json", "--impl", "linear=gemm", "--threads", "1"});
    CAPTURE(outcome.err);
    REQUIRE(outcome.code == 0);
    const auto json = nlohmann::json::parse(outcome.out);
    REQUIRE(json["kernels"].size() == 2);
    const auto& shape = json["kernels"][0]["shapes"][0];
    CHECK(shape["shape"] == "1280 -> 1000");
    CHECK(shape["flops"] == 2 * 2 * 1280 * 1000);
    REQUIRE(shape["implementations"].size() == 1);
    CHECK(shape["implementations"][0]["name"] == "gemm");
    CHECK(shape["implementations"][0]["share_of_peak"] > 0.0);
}

TEST_CASE("bench refuses what cannot be in one sentence, with exit code 2") {
    struct Case {
        std::vector<std::string> arguments;
        const char* part;
    };
    const Case cases[] = {
        {{"op", "nonsense"}, "unknown op 'nonsense': choose one of dense_conv, depthwise_conv"},
        {{"op"}, "NAME is required"},
        {{"op", "max_pool", "--model", "basic_block_net"}, "launches no max_pool"},
        {{"op", "linear", "--impl", "linear=foo"}, "no implementation 'foo'"},
        {{"step", "--model", "resnet"}, "choose one of basic_block_net, mobilenet_v2"},
        {{"step", "--image-size", "0"}, "--image-size 0: a whole number from 1"},
        {{"step", "--batch-size", "0"}, "--batch-size 0: a whole number from 2"},
        {{"step", "--batch-size", "1"}, "--batch-size 1: a whole number from 2"},
        {{"step", "--steps", "x"}, "--steps x"},
        {{"step", "--device", "gpu"}, "--device gpu: choose one of auto"},
        {{"step", "--model", "basic_block_net", "--image-size", "2"}, "at least 8x8 pixels"},
        {{}, "subcommand is required"},
    };
    for (const Case& c : cases) {
        const tests::Outcome outcome = tests::run("bench", c.arguments);
        CAPTURE(outcome.err);
        CHECK(outcome.code == 2);
        CHECK(outcome.out.empty());
        CHECK(outcome.err.starts_with("bench: "));
        CHECK_MESSAGE(outcome.err.find(c.part) != std::string::npos, c.part);
        CHECK(std::ranges::count(outcome.err, '\n') == 1);
    }
}

TEST_CASE("augmentation is timed op by op and pipeline by pipeline, beside a step") {
    AugmentBenchOptions options;
    options.source_size = 20;
    options.image_size = 32;
    options.batch_size = 4;
    options.steps = 2;
    options.programs = 5000;
    const AugmentBenchResult result = bench_augment(options);
    CHECK(result.ops.size() >= 19);
    CHECK(result.pipelines.size() == 5);
    CHECK(result.plans.size() == 5);
    CHECK(result.step_seconds.size() == 3);
    for (const AugmentTime& op : result.ops) {
        CHECK(op.seconds.size() == 2);
        CHECK(op.bytes == 2.0 * 4 * 32 * 32 * 3);
    }
    CHECK(result.pipelines[0].bytes == 4.0 * 20 * 20 * 3 + 4.0 * 4 * 32 * 32 * 3);
    const auto json = nlohmann::json::parse(format_augment_json(options, result, {1e9, 1e9}));
    CHECK(json["pipelines"][4]["name"] == "nested random_choice");
    CHECK(json["pipelines"][0]["share_of_step"] > 0.0);
    CHECK(format_augment(options, result, {1e9, 1e9}).find("of step") != std::string::npos);
}

}  // namespace vitrine::tools

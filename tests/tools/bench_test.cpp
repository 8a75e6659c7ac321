// bench: the layers it finds, refusals, and the program.

#include <doctest/doctest.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <set>

#include "kernels/cpu/amx.h"
#include "kernels/kernels.h"
#include "lab/bench/augment_bench.h"
#include "lab/bench/augment_report.h"
#include "lab/bench/op_bench.h"
#include "lab/bench/op_report.h"
#include "lab/bench/roofline.h"
#include "lab/bench/statistics.h"
#include "lab/common/kernel_name.h"
#include "tests/tools/program.h"
#include "tests/tools/timed_steps.h"

namespace vitrine::tools {
namespace {

/// Two depthwise convolutions, of which `direct` takes only the first.
Workload depthwise_3_and_7() {
    const Tensor x = trained({2, 8, 8, 16}), w3 = trained({3, 3, 16}), w7 = trained({7, 7, 16});
    return steps_of({x, w3, w7}, [=] {
        const Tensor middle = ops::conv(x, w3, {}, {.stride = {2, 2}, .padding = {1, 1}});
        return ops::conv(middle, w7, {}, {.stride = {1, 1}, .padding = {3, 3}});
    });
}

OpBenchOptions tiny(const std::string& op) {
    OpBenchOptions options;
    options.op = op;
    options.image_size = 32;
    options.batch_size = 2;
    options.classes = 10;
    options.steps = 2;
    return options;
}

/// Where none of an op's implementations refuses everything.
OpBenchOptions tiny_for_all(const std::string& op) {
    OpBenchOptions options = tiny(op);
    if (op == "pointwise_conv") options.image_size = 64;        // "one_pass" wants many pixels
    if (op == "dense_conv") options.model = "basic_block_net";  // "winograd" wants a stride of 1
    return options;
}

}  // namespace

TEST_CASE("the roofline takes the peak that binds") {
    const Peak peak{.flops = 100.0, .bandwidth = 10.0};
    const Cost much_arithmetic{.bytes_read = 6.0, .bytes_written = 4.0, .flops = 400.0};
    CHECK(least_seconds(much_arithmetic, peak) == 4.0);
    CHECK(std::string(bound_of(much_arithmetic, peak)) == "compute");
    const Cost much_memory{.bytes_read = 30.0, .bytes_written = 20.0, .flops = 400.0};
    CHECK(least_seconds(much_memory, peak) == 5.0);
    CHECK(std::string(bound_of(much_memory, peak)) == "memory");
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
        CHECK(refused.refused == "kernel other than 3x3");
        CHECK(refused.seconds.empty());
        CHECK(kernel.shapes[1].implementations.back().refused.empty());
        CHECK(kernel.totals().front().layers == 1);
        CHECK(kernel.totals().back().layers == 2);
    }
    const Peak peak{.flops = 1e12, .bandwidth = 1e11};
    CHECK(format_op(tiny("depthwise_conv"), kernels, peak).find("refused: kernel other than 3x3") !=
          std::string::npos);
    CHECK(forced_implementation(Device::cpu, "depthwise_conv_forward").empty());
}

TEST_CASE("bench op times every implementation of every kernel there is") {
    const OneThread one_thread;
    std::set<std::string> ops, timed, expected;
    for_each_kernel(Device::cpu, [&](const auto& kernel) {
        ops.insert(parts_of(kernel->name()).op);
        for (const auto& implementation : kernel->implementations()) {
            // For activations in a convolution's prologue that no model has (kernels/conv_fusion.h).
            if (std::string_view(implementation.name) == "unfused") continue;
            if (cpu::amx::is_implementation(implementation.name) && cpu::amx::refusal() != nullptr) continue;
            expected.insert(std::string(kernel->name()) + "=" + implementation.name);
        }
    });
    std::vector<OpBenchOptions> benches;
    for (const std::string& op : ops) benches.push_back(tiny_for_all(op));
    benches.push_back(tiny_for_all("dense_conv"));
    benches.back().model = "basic_block_net";  // whose 3x3 is no stem
    for (const char* op : {"dense_conv", "expanded_conv", "linear", "pointwise_conv"}) {
        benches.push_back(tiny_for_all(op));
        benches.back().precision = DType::bf16;
    }
    for (const OpBenchOptions& options : benches) {
        CAPTURE(options.op);
        for (const KernelBench& kernel : bench_op(options)) {
            REQUIRE(!kernel.shapes.empty());
            for (const Total& total : kernel.totals()) {
                timed.insert(kernel.kernel + "=" + total.implementation);
                CHECK(total.cost.bytes() > 0.0);
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
    CHECK(kernels[0].shapes[0].shape == "16x16x32 k3 s1 prologue");
    CHECK(kernels[0].shapes[1].shape == "16x16x96 -> 8x8x96 k3 s2 prologue");
}

TEST_CASE("bench op times a kernel in the training that launches it, fused or not") {
    const OneThread one_thread;
    const auto workload_of = [](const std::string& op) {
        const auto kernels = bench_op(tiny(op));
        REQUIRE(kernels.size() == 2);
        CHECK(kernels[0].workload == kernels[1].workload);
        return kernels[0].workload;
    };
    const std::string fused = "training steps of mobilenet_v2, images 32x32, batch 2";
    CHECK(workload_of("normalize") ==
          "batch norm over a batch's shards, between the passes over their values");
    CHECK(workload_of("resolve") == fused);
    CHECK(workload_of("batch_norm") == fused + ", unfused");
    CHECK(workload_of("activation") == fused + ", unfused");
    const auto add = bench_op(tiny("add"));
    REQUIRE(add.size() == 2);
    CHECK(add[0].workload == fused + ", unfused");
    CHECK(add[1].workload == "the second gradient of a tensor added to the first, batch 2");
}

TEST_CASE("bench op times expansions in the training that leaves them out: of images whose rows are long") {
    const OneThread one_thread;
    OpBenchOptions options = tiny("expanded_conv");
    options.model = "mobilenet_v2";
    CHECK_THROWS_WITH(
        bench_op(options),
        "training with --model mobilenet_v2 launches no expanded_conv: leave that out for a workload "
        "that does");
    options.image_size = 64;
    const auto kernels = bench_op(options);
    REQUIRE(kernels.size() == 2);
    CHECK(kernels[0].workload == "training steps of mobilenet_v2, images 64x64, batch 2");
    REQUIRE(kernels[0].shapes.size() == 2);
    CHECK(kernels[0].shapes[0].shape == "64x64x3 -> 32x32x32 -> 32x32x32 k3 s1 prologue no d_x");
    CHECK(kernels[0].shapes[1].shape == "32x32x16 -> 32x32x96 -> 16x16x96 k3 s2 prologue");
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
                            "fused",
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
                            "graph_kernels",
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

TEST_CASE("bench op times the ops of steps that store 16 bits") {
    const tests::Outcome outcome = tests::run(
        "bench", {"op", "linear_forward", "--precision", "bf16", "--image-size", "32", "--batch-size", "2",
                  "--steps", "1", "--json", "--impl", "linear=gemm", "--threads", "1"});
    CAPTURE(outcome.err);
    REQUIRE(outcome.code == 0);
    const auto json = nlohmann::json::parse(outcome.out);
    CHECK(json["precision"] == "bf16");
    const auto& implementations = json["kernels"][0]["shapes"][0]["implementations"];
    REQUIRE(implementations.size() == 1);
    CHECK(implementations[0]["seconds_median"] > 0.0);
}

TEST_CASE("bench refuses what cannot be in one sentence, with exit code 2") {
    struct Case {
        std::vector<std::string> arguments;
        const char* part;
    };
    const Case cases[] = {
        {{"op", "nonsense"}, "unknown op 'nonsense': choose one of dense_conv, depthwise_conv"},
        {{"op"}, "NAME is required"},
        {{"op", "max_pool", "--model", "basic_block_net"},
         "training with --model basic_block_net launches no max_pool"},
        {{"op", "batch_norm", "--fusion", "on"}, "training with --fusion on launches no batch_norm"},
        {{"op", "resolve", "--fusion", "off", "--model", "mobilenet_v2"},
         "training with --model mobilenet_v2 --fusion off launches no resolve"},
        {{"step", "--fusion", "maybe"}, "--fusion maybe: choose one of on, written, off"},
        {{"op", "linear", "--impl", "linear=foo"}, "no implementation 'foo'"},
        {{"step", "--model", "resnet"}, "choose one of basic_block_net, mobilenet_v2"},
        {{"step", "--image-size", "0"}, "--image-size 0: a whole number from 1"},
        {{"step", "--batch-size", "0"}, "--batch-size 0: a whole number from 2"},
        {{"step", "--batch-size", "1"}, "--batch-size 1: a whole number from 2"},
        {{"step", "--steps", "x"}, "--steps x"},
        {{"step", "--device", "gpu"}, "--device gpu: choose one of auto"},
        {{"step", "--model", "basic_block_net", "--image-size", "2"}, "at least 8x8 pixels"},
        {{}, "bench has the commands step, eval, op, augment, scale"},
        {{"nope"}, "nope is no command: bench has the commands step, eval, op, augment, scale"},
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

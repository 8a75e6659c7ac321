// bench step --predict: the formula in numbers worked out by hand, sums, what a larger batch takes, and the program.

#include <doctest/doctest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "kernels/call_observer.h"
#include "lab/bench/predict_step.h"
#include "lab/bench/prediction_report.h"
#include "lab/common/workloads.h"
#include "tests/tools/program.h"

namespace vitrine::tools {
namespace {

using doctest::Approx;

StepBenchOptions small_step(int64_t batch_size, DType precision = DType::f32) {
    StepBenchOptions options;
    options.image_size = 32;
    options.batch_size = batch_size;
    options.classes = 10;
    options.precision = precision;
    options.predict_for = &gpu_from_name("rtx3090");
    return options;
}

double memory_share(const PredictedTime& time) {
    return time.bound_by[static_cast<size_t>(Bound::memory)] / time.best;
}

}  // namespace

TEST_CASE("a call's predicted time is the roofline's over the share that such kernels reach, and a gap") {
    const Gpu& h100 = gpu_from_name("h100");  // 3000 GB/s, 67 TFLOP/s, 989 with tensor cores
    const Cost pass{.bytes_read = 2e9, .bytes_written = 1e9, .flops = 0.0};
    const PredictedTime copy = predict_call("activation_forward", pass, h100, DType::f32);
    CHECK(copy.roofline == Approx(1e-3));
    CHECK(copy.best == Approx(1e-3 + 0.9e-6));
    CHECK(copy.worst == Approx(1e-3 / 0.89 + 0.9e-6));
    CHECK(copy.bound() == Bound::memory);
    CHECK(memory_share(copy) == 1.0);

    const Cost product{.bytes_read = 1e6, .bytes_written = 2e6, .flops = 67e9};
    const PredictedTime f32 = predict_call("pointwise_conv_forward", product, h100, DType::f32);
    CHECK(f32.roofline == Approx(1e-3));
    CHECK(f32.best == Approx(2.5e-3 + 0.9e-6));
    CHECK(f32.worst == Approx(1e-3 / 0.14 + 0.9e-6));
    CHECK(f32.bound() == Bound::arithmetic);
    CHECK(predict_call("pointwise_conv_forward", product, h100, DType::bf16).roofline ==
          Approx(67e9 / 989e12));
    // No channels to sum over: no tensor cores.
    CHECK(predict_call("depthwise_conv_backward", product, h100, DType::bf16).roofline == Approx(1e-3));

    const Cost little{.bytes_read = 300.0, .bytes_written = 0.0, .flops = 0.0};
    CHECK(predict_call("normalize_forward", little, h100, DType::f32).bound() == Bound::launch);
}

TEST_CASE("of another GPU's bandwidth a copy reaches the share that it reaches of an H100's") {
    const Cost pass{.bytes_read = 320e6, .bytes_written = 0.0, .flops = 0.0};
    const Cost product{.bytes_read = 0.0, .bytes_written = 0.0, .flops = 8.1e9};
    const Gpu& t4 = gpu_from_name("t4");  // 320 GB/s, 8.1 TFLOP/s, 65 with tensor cores, of f16 alone
    CHECK(predict_call("resolve_forward", pass, t4, DType::f32).roofline == Approx(1e-3 / 0.9));
    CHECK(predict_call("linear_forward", product, t4, DType::bf16).roofline == Approx(1e-3));
    CHECK(predict_call("linear_forward", product, t4, DType::f16).roofline == Approx(8.1e9 / 65e12));
}

TEST_CASE("what a step of 6 images costs is told by steps of 2 and of 4") {
    const std::vector<StepCall> predicted = calls_of_step(small_step(6));
    LayerTimer timer(model_workload("mobilenet_v2", {.image_size = 32, .batch_size = 6, .classes = 10}));
    std::vector<StepCall> seen;
    const CallObserver observer([&](const KernelCall& call) {
        if (std::string_view(call.kernel) != "finish_images") seen.push_back({call.kernel, call.least});
    });
    timer.run();
    REQUIRE(predicted.size() == seen.size());
    REQUIRE(seen.size() > 200);
    for (size_t i = 0; i < seen.size(); ++i) {
        CAPTURE(seen[i].kernel);
        CHECK(predicted[i].kernel == seen[i].kernel);
        CHECK(predicted[i].least.bytes_read == seen[i].least.bytes_read);
        CHECK(predicted[i].least.bytes_written == seen[i].least.bytes_written);
        CHECK(predicted[i].least.flops == seen[i].least.flops);
    }
}

TEST_CASE("a predicted step is the sum of its kernels, and grows with the batch and the type") {
    const StepPrediction step = predict_step(small_step(1000));
    CHECK(step.image_size == 32);
    KernelPrediction sum;
    for (const KernelPrediction& kernel : step.kernels) {
        sum.calls += kernel.calls;
        sum.cost += kernel.cost;
        sum.time += kernel.time;
        CHECK(kernel.time.roofline <= kernel.time.best);
        CHECK(kernel.time.best <= kernel.time.worst);
    }
    CHECK(sum.calls == step.total.calls);
    CHECK(sum.cost.bytes() == Approx(step.total.cost.bytes()));
    CHECK(sum.time.roofline == Approx(step.total.time.roofline));
    CHECK(sum.time.best == Approx(step.total.time.best));
    CHECK(sum.time.worst == Approx(step.total.time.worst));

    const double bytes = step.total.cost.bytes();
    const double of_twice = predict_step(small_step(2000)).total.cost.bytes();
    CHECK(of_twice > 1.8 * bytes);
    CHECK(of_twice < 2.0 * bytes);  // weights are read once
    const double of_half = predict_step(small_step(1000, DType::bf16)).total.cost.bytes();
    CHECK(of_half > 0.5 * bytes);
    CHECK(of_half < 0.6 * bytes);
}

TEST_CASE("what is printed says that it is no measurement") {
    const StepBenchOptions options = small_step(8, DType::f16);
    const StepPrediction step = predict_step(options);
    const std::string text = format_prediction(options, step);
    CHECK(text.starts_with("a prediction, not a measurement: "));
    CHECK(text.find("In 16 bits no kernel has been timed on any GPU") != std::string::npos);
    const auto json = nlohmann::json::parse(format_prediction_json(options, step));
    CHECK(json["what"] == "prediction");
    CHECK(json["gpu"] == "rtx3090");
    CHECK(json["kernels"].size() == step.kernels.size());
    CHECK(json["total"]["calls"] == step.total.calls);
}

TEST_CASE("bench step --predict refuses what cannot be in one sentence, with exit code 2") {
    const auto refused = [](const std::vector<std::string>& arguments, const char* part) {
        const tests::Outcome outcome = tests::run("bench", arguments);
        CAPTURE(outcome.err);
        CHECK(outcome.code == 2);
        CHECK(outcome.out.empty());
        CHECK(outcome.err.find(part) != std::string::npos);
        CHECK(std::ranges::count(outcome.err, '\n') == 1);
    };
    refused({"step", "--predict", "voodoo2"}, "choose one of t4, a10, l4, a100, rtx3090, rtx4090, h100");
    refused({"step", "--predict", "h100", "--graph"}, "excludes");
    refused({"step", "--predict", "h100", "--per-op"}, "excludes");
}

}  // namespace vitrine::tools

// bench step --predict: a launch's limits in numbers worked out by hand, what a sample of blocks counts, sums, and the program.

#include <doctest/doctest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "lab/bench/predict_step.h"
#include "lab/bench/prediction_report.h"
#include "lab/predict/counted_step.h"
#include "lab/predict/launch_time.h"
#include "lab/predict/plain_name.h"
#include "tests/tools/program.h"

namespace vitrine::tools {
namespace {

using doctest::Approx;
using predict::Bound;
using predict::LaunchCounts;

/// A GPU in round numbers: 10 multiprocessors of 128 lanes at 1 GHz.
const Gpu round_gpu{"round", 1e12, 2.56e12, 1e12, 10, 100e12, 50e12, 90, 4e12, 1e6, 400e-9, 1e-6};

StepBenchOptions small_step(int64_t batch_size, DType precision = DType::f32) {
    StepBenchOptions options;
    options.model = "basic_block_net";
    options.image_size = 16;
    options.batch_size = batch_size;
    options.classes = 10;
    options.precision = precision;
    options.predict_for = &gpu_from_name("rtx3090");
    return options;
}

predict::CountedStepOptions counting(uint64_t most_blocks) {
    return {.model = "basic_block_net",
            .image_size = 16,
            .batch_size = 4,
            .classes = 10,
            .most_blocks = most_blocks};
}

/// Without the update, which does nothing where a sample's loss is no number.
LaunchCounts sum_of(const std::vector<predict::CountedCall>& calls) {
    LaunchCounts sum;
    for (const predict::CountedCall& call : calls) {
        if (call.kernel == "sgd_update") continue;
        for (const LaunchCounts& launch : call.launches) {
            sum.blocks += launch.blocks;
            sum.loads += launch.loads;
            sum.stores += launch.stores;
            sum.sectors += launch.sectors;
            sum.shared_passes += launch.shared_passes;
            sum.multiply_adds += launch.multiply_adds;
        }
    }
    return sum;
}

resources::KernelResources code_with(const resources::InstructionMix& whole,
                                     const resources::InstructionMix& main_loop) {
    resources::KernelResources code;
    code.registers = 64;
    code.code = resources::MachineCode{whole, main_loop, {}, {}};
    return code;
}

}  // namespace

TEST_CASE("a call's roofline is that of the unit that multiplies") {
    const Gpu& h100 = gpu_from_name("h100");  // 3000 GB/s, 67 TFLOP/s, 989 with tensor cores
    const Cost pass{.bytes_read = 2e9, .bytes_written = 1e9, .flops = 0.0};
    CHECK(call_roofline("activation_forward", pass, h100, DType::f32) == Approx(1e-3));
    const Cost product{.bytes_read = 1e6, .bytes_written = 2e6, .flops = 67e9};
    CHECK(call_roofline("pointwise_conv_forward", product, h100, DType::f32) == Approx(1e-3));
    CHECK(call_roofline("pointwise_conv_forward", product, h100, DType::bf16) == Approx(67e9 / 989e12));
    // No channels to sum over: no tensor cores.
    CHECK(call_roofline("depthwise_conv_backward", product, h100, DType::bf16) == Approx(1e-3));
    // Of another GPU's bandwidth a copy reaches the share that it reaches of an H100's; a T4 multiplies f16 alone.
    const Gpu& t4 = gpu_from_name("t4");
    CHECK(call_roofline("resolve_forward", {.bytes_read = 320e6}, t4, DType::f32) == Approx(1e-3 / 0.9));
    CHECK(call_roofline("linear_forward", {.flops = 8.1e9}, t4, DType::bf16) == Approx(1e-3));
    CHECK(call_roofline("linear_forward", {.flops = 8.1e9}, t4, DType::f16) == Approx(8.1e9 / 65e12));
}

TEST_CASE("the clocks of the table are those that the GPUs have") {
    CHECK(gpu_from_name("t4").clock() == Approx(1.59e9).epsilon(0.01));
    CHECK(gpu_from_name("a100").clock() == Approx(1.41e9).epsilon(0.01));
    CHECK(gpu_from_name("rtx3090").clock() == Approx(1.695e9).epsilon(0.01));
    CHECK(gpu_from_name("rtx4090").clock() == Approx(2.52e9).epsilon(0.01));
    CHECK(gpu_from_name("h100").clock() == Approx(1.98e9).epsilon(0.01));
}

TEST_CASE("what a launch needs is divided by what the GPU has of it") {
    LaunchCounts counts{.kernel = "k", .blocks = 1000, .block_threads = 256};
    counts.loads = 8e6;
    counts.stores = 2e6;
    counts.sectors = 1e8;
    counts.shared_passes = 5e6;
    counts.multiply_adds = 1.28e9;
    const predict::LaunchTime time = launch_time(counts, 9e8, nullptr, round_gpu, DType::f32);
    CHECK(time.of(Bound::memory) == Approx(1e-3));
    CHECK(time.of(Bound::cache) == Approx(0.8e-3));
    CHECK(time.of(Bound::multiply) == Approx(1e-3));
    CHECK(time.of(Bound::shared) == Approx(0.5e-3));
    CHECK(time.of(Bound::launch) == 1e-6);
    CHECK(time.of(Bound::issue) == 0.0);  // no code
    CHECK(time.of(Bound::latency) == 0.0);
    CHECK(time.best() == Approx(1.001e-3));
    CHECK(time.worst() == Approx(2.001e-3));

    // 64 registers: 4 blocks of 8 warps on each multiprocessor. Two loads at once: 8e6 / 2 turns by 320 warps.
    const resources::KernelResources code =
        code_with({.all = 120, .multiply_adds = 10, .global_loads = 4, .global_stores = 4},
                  {.all = 20, .multiply_adds = 10, .global_loads = 2});
    const predict::LaunchTime known = launch_time(counts, 9e8, &code, round_gpu, DType::f32);
    CHECK(known.of(Bound::latency) == Approx(8e6 / 2 / 320 * 400e-9));
    // The loop 4e6 times, 8e6 loads; 2e6 requests are left for 6 instructions: the rest 1e6 / 3 times.
    const double issued = 20.0 * 4e6 + 100.0 * 1e6 / 3.0;
    CHECK(issued_instructions(counts, *code.code, 2048.0) == Approx(issued));
    CHECK(known.of(Bound::issue) == Approx(issued / 4e10));
    CHECK(known.bound() == Bound::latency);
    CHECK(known.worst() == Approx(known.of(Bound::latency) + known.of(Bound::issue) + 1e-6));
}

TEST_CASE("tensor cores have a peak of their own, and their products are counted by their size") {
    LaunchCounts counts{.kernel = "k", .blocks = 10, .block_threads = 128};
    counts.tensor_multiply_adds = 2048e6;
    CHECK(launch_time(counts, 0, nullptr, round_gpu, DType::f16).of(Bound::multiply) ==
          Approx(4096e6 / 100e12));
    CHECK(launch_time(counts, 0, nullptr, round_gpu, DType::bf16).of(Bound::multiply) ==
          Approx(4096e6 / 50e12));
    CHECK(launch_time(counts, 0, nullptr, round_gpu, DType::f32).of(Bound::multiply) ==
          Approx(4096e6 / 25e12));
    const resources::MachineCode code{.whole = {.all = 150, .tensor = 8},
                                      .main_loop = {.all = 50, .tensor = 8},
                                      .tensor_loop = {},
                                      .load_bytes = {}};
    // 1e6 products, 8 in each turn of 50; the rest once for each of 40 warps.
    CHECK(issued_instructions(counts, code, 2048.0) == Approx(50.0 * 1e6 / 8 + 100.0 * 40));
}

TEST_CASE("a loop with products of both kinds comes as often as those of which there are more") {
    LaunchCounts counts{.kernel = "k", .blocks = 10, .block_threads = 128};
    const resources::MachineCode code{.whole = {.all = 150, .multiply_adds = 30, .tensor = 8},
                                      .main_loop = {.all = 50, .multiply_adds = 20, .tensor = 8},
                                      .tensor_loop = {},
                                      .load_bytes = {}};
    // Half of the warps leave the products out: 0.5e6 turns make 2e6 products. 10 multiply-adds more are each of 40 warps'.
    counts.tensor_multiply_adds = 2048.0 * 2e6;
    counts.multiply_adds = 32.0 * (20 * 0.5e6 + 10 * 40);
    CHECK(issued_instructions(counts, code, 2048.0) == Approx(50.0 * 0.5e6 + 100.0 * 40));
    counts.tensor_multiply_adds *= 3;
    CHECK(issued_instructions(counts, code, 2048.0) == Approx(50.0 * 6e6 / 8 + 100.0 * 40));
    counts.multiply_adds = 0;
    CHECK(issued_instructions(counts, code, 2048.0) == Approx(50.0 * 6e6 / 8 + 100.0 * 40));
}

TEST_CASE("a loop of tensor cores within one of multiply-adds comes as often as its own products") {
    LaunchCounts counts{.kernel = "k", .blocks = 10, .block_threads = 128};
    counts.tensor_multiply_adds = 2048.0 * 4e6;
    counts.multiply_adds = 32.0 * 9e6;
    counts.stores = 1e6;
    const resources::MachineCode code{
        .whole = {.all = 180, .multiply_adds = 40, .tensor = 8, .global_stores = 2},
        .main_loop = {.all = 100, .multiply_adds = 32, .global_stores = 2},
        .tensor_loop = {.all = 30, .multiply_adds = 2, .tensor = 8},
        .load_bytes = {}};
    // 4e6 / 8 turns of 30, with 1e6 of the multiply-adds; 8e6 / 32 turns of 100; the rest once for each of 40 warps.
    CHECK(issued_instructions(counts, code, 2048.0) == Approx(30.0 * 0.5e6 + 100.0 * 0.25e6 + 50.0 * 40));
}

TEST_CASE("a launch of few blocks leaves multiprocessors idle, and the busiest one counts") {
    LaunchCounts counts{.kernel = "k", .block_threads = 128};
    counts.multiply_adds = 1.28e9;
    const auto multiply = [&](double blocks) {
        counts.blocks = blocks;
        return launch_time(counts, 0, nullptr, round_gpu, DType::f32).of(Bound::multiply);
    };
    CHECK(multiply(5) == Approx(2e-3));
    CHECK(multiply(10) == Approx(1e-3));
    CHECK(multiply(11) == Approx(1e-3 * 20 / 11));
}

TEST_CASE("names on a GPU and on simt have something in common") {
    CHECK(predict::plain_name("gemm<vitrine::cuda::Rows<float> >") == "gemm<Rows<float>>");
    CHECK(predict::plain_name("vitrine::simt::(anonymous namespace)::gemm<vitrine::simt::Rows<float>>") ==
          "gemm<Rows<float>>");
}

TEST_CASE("two blocks of each launch tell what all of them do") {
    const std::vector<predict::CountedCall> few = predict::count_step(counting(2)),
                                            all = predict::count_step(counting(0));
    REQUIRE(few.size() == all.size());
    for (size_t i = 0; i < few.size(); ++i) {
        CHECK(few[i].kernel == all[i].kernel);
        CHECK(few[i].least.bytes() == all[i].least.bytes());
        REQUIRE(few[i].launches.size() == all[i].launches.size());
        for (size_t j = 0; j < few[i].launches.size(); ++j) {
            CHECK(few[i].launches[j].kernel == all[i].launches[j].kernel);
            CHECK(few[i].launches[j].blocks == all[i].launches[j].blocks);
        }
    }
    const LaunchCounts sample = sum_of(few), whole = sum_of(all);
    CHECK(sample.multiply_adds == Approx(whole.multiply_adds).epsilon(0.01));
    CHECK(sample.shared_passes == Approx(whole.shared_passes).epsilon(0.01));
    // Less by what last blocks do, of which there are many in so small a step.
    CHECK(sample.loads == Approx(whole.loads).epsilon(0.05));
    CHECK(sample.sectors == Approx(whole.sectors).epsilon(0.07));
    // A device that was sampled counts as before: its arrivals are zero again.
    CHECK(sum_of(predict::count_step(counting(0))).loads == whole.loads);
}

TEST_CASE("a predicted step is the sum of its kernels, and grows with the batch and the type") {
    const StepPrediction step = predict_step(small_step(64));
    CHECK(step.image_size == 16);
    KernelPrediction sum;
    for (const KernelPrediction& kernel : step.kernels) {
        CAPTURE(kernel.kernel);
        sum.calls += kernel.calls;
        sum.launches += kernel.launches;
        sum.cost += kernel.cost;
        sum.time += kernel.time;
        CHECK(kernel.time.roofline <= kernel.time.best);
        CHECK(kernel.time.best <= kernel.time.worst);
    }
    CHECK(sum.calls == step.total.calls);
    CHECK(sum.launches == step.total.launches);
    CHECK(step.total.launches >= step.total.calls);
    CHECK(sum.cost.bytes() == Approx(step.total.cost.bytes()));
    CHECK(sum.time.roofline == Approx(step.total.time.roofline));
    CHECK(sum.time.best == Approx(step.total.time.best));
    CHECK(sum.time.worst == Approx(step.total.time.worst));

    double of_functions = 0.0;
    int launches = 0;
    for (const FunctionPrediction& function : step.functions) {
        of_functions += function.best;
        launches += function.launches;
        CHECK(function.best >= *std::ranges::max_element(function.seconds));
    }
    CHECK(of_functions == Approx(step.total.time.best));
    CHECK(launches == step.total.launches);

    const double bytes = step.total.cost.bytes();
    const double of_twice = predict_step(small_step(128)).total.cost.bytes();
    CHECK(of_twice > 1.5 * bytes);
    CHECK(of_twice < 2.0 * bytes);  // weights are read once
    const double of_half = predict_step(small_step(64, DType::bf16)).total.cost.bytes();
    CHECK(of_half > 0.5 * bytes);
    CHECK(of_half < 0.75 * bytes);  // of which are the master weights
}

TEST_CASE("every launch's machine code is found, where there is any") {
    int found = 0;
    for (const Gpu& gpu : all_gpus()) {
        for (const DType precision : {DType::f32, DType::bf16}) {
            StepBenchOptions options = small_step(8, precision);
            options.predict_for = &gpu;
            const StepPrediction step = predict_step(options);
            if (step.architecture == 0) continue;
            ++found;
            CAPTURE(gpu.name);
            CHECK(step.unknown_launches == 0);
            double issue = 0.0, latency = 0.0;
            for (const FunctionPrediction& function : step.functions) {
                issue += function.seconds[static_cast<size_t>(Bound::issue)];
                latency += function.seconds[static_cast<size_t>(Bound::latency)];
            }
            CHECK(issue > 0.0);
            CHECK(latency > 0.0);
        }
    }
    constexpr std::string_view objects = VITRINE_CUDA_OBJECTS;
    if (!objects.empty()) CHECK(found > 0);
}

TEST_CASE("what is printed says that it is no measurement") {
    const StepBenchOptions options = small_step(8, DType::f16);
    const StepPrediction step = predict_step(options);
    const std::string text = format_prediction(options, step);
    CHECK(text.starts_with("a prediction, not a measurement: "));
    const auto json = nlohmann::json::parse(format_prediction_json(options, step));
    CHECK(json["what"] == "prediction");
    CHECK(json["gpu"] == "rtx3090");
    CHECK(json["kernels"].size() == step.kernels.size());
    CHECK(json["total"]["launches"] == step.total.launches);
    CHECK(json["functions"].size() == step.functions.size());
    CHECK(text.find("update_packs<float,f16>") == std::string::npos);
    StepBenchOptions per_op = options;
    per_op.per_op = true;
    CHECK(format_prediction(per_op, step).find("update_packs<float,f16>\n") != std::string::npos);
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
    refused({"step", "--predict", "h100", "--impl", "add_forward=onednn"}, "on device simt");
}

}  // namespace vitrine::tools

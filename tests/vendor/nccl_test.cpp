// Several processes, each with a simt device of its own, take the steps of one: over the stand-in NCCL, and through the host's memory.
// What a single call must not do wrong is in tests/mutants/collective_test.cpp.

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <cstdlib>
#include <iostream>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "engine/step/step.h"
#include "kernels/device_collective.h"
#include "kernels/simt/launch.h"
#include "lab/common/random_batch.h"
#include "models/models.h"
#include "tests/error_of.h"
#include "tests/vendor/linked_processes.h"
#include "tools/common/host_batch.h"

namespace vitrine::tests {
namespace {

constexpr int64_t shards = 4;

std::string variable(const char* name) {
    const char* const value = std::getenv(name);
    return value == nullptr ? "" : value;
}

/// Two images.
NetworkInput shard_of_batch(int64_t shard, int64_t size, Placement placement) {
    const tools::RandomBatch batch(2 * shards, size, 5);
    const int64_t pixels = 2 * size * size * 3;
    const auto images = batch.images.begin() + shard * pixels;
    const auto labels = batch.labels.begin() + shard * 2;
    return tools::upload({{images, images + pixels}, {labels, labels + 2}, size},
                         {{0.5, 0.5, 0.5}, {0.25, 0.25, 0.25}}, placement);
}

/// Two batches of four shards and an update, twice; and all numbers of the model then.
std::string train(DeviceCollective& processes) {
    constexpr int64_t size = 8;
    const Placement placement{DType::f32, Device::simt};
    const auto model = models::make_model("basic_block_net",
                                          {.classes = 5, .image_size = size, .variant = {}}, placement, 3);
    model->set_fused(true);
    TrainingStep step(*model, {.momentum = 0.9, .weight_decay = 1e-4}, 0.1);
    step.divide_batches(shards, processes);
    std::string all;
    for (uint32_t i = 0; i < 4; ++i) {
        for (int64_t shard = 0; shard < step.shards_here(); ++shard)
            step.accumulate(shard_of_batch(step.first_shard() + shard, size, placement), 1,
                            i * shards + static_cast<uint32_t>(step.first_shard() + shard));
        if (i % 2 == 0) continue;
        step.update({.learning_rate = 0.05, .batches = 2, .clip_norm = 1.0});
        for (const BatchResult& result : step.read().batches) all += fmt::format("{:a} ", result.loss);
    }
    for (const double value : step.state().values().to_host<double>()) all += fmt::format("{:a} ", value);
    return all;
}

bool holds(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

std::string said_by(int processes, const std::string& way, const std::string& variables) {
    return run_linked(processes, "vendor_tests", "a process of a run*", 100,
                      fmt::format("VITRINE_TEST_WAY={} {}", way, variables));
}

/// What each of the processes prints behind "left: ", which must be the same.
std::string left_by(int processes, const std::string& way, const std::string& variables = "") {
    const std::string printed = said_by(processes, way, variables);
    const std::string mark = "left: ";
    std::set<std::string> left;
    int count = 0;
    std::istringstream lines(printed);
    for (std::string line; std::getline(lines, line);) {
        if (!line.starts_with(mark)) continue;
        left.insert(line.substr(mark.size()));
        ++count;
    }
    if (left.size() != 1 || count != processes) return "not the same: " + printed;
    return *left.begin();
}

}  // namespace

TEST_CASE("a process of a run of several" * doctest::skip()) {
    simt::set_settings({.check = false});
    LinkedProcesses host;
    if (variable("VITRINE_TEST_SAME_GPU").empty()) choose_gpu(Device::simt, host);
    const std::string way = variable("VITRINE_TEST_WAY");
    try {
        const JoinedDevices joined = join_devices(Device::simt, host, way == "any" ? "" : way);
        std::cout << "left: " << (joined.refused.empty() ? train(*joined.collective) : joined.refused)
                  << "\n";
    } catch (const std::exception& told) {
        std::cout << "left: " << told.what() << "\n";
    }
}

TEST_CASE("two and four processes take the steps of one, whichever way their numbers go") {
    simt::set_settings({.check = false});
    const std::string one = train(alone_on_device());
    CHECK(one.size() > 1000);
    for (const char* way : {"any", "nccl", "host"}) {
        CHECK(left_by(2, way) == one);
        CHECK(left_by(4, way) == one);
    }
    // A sum of two has one order; of four, NCCL's is not the tree's.
    CHECK(left_by(2, "nccl_sums") == one);
    CHECK(left_by(4, "nccl_sums") != one);
    CHECK(left_by(4, "nccl_sums").find("not the same") == std::string::npos);
}

TEST_CASE("where one process cannot use NCCL none does, and each can say why") {
    CHECK(left_by(1, "any", "VITRINE_SIMT_GPUS=1") == train(alone_on_device()));
    const std::string crowded = said_by(2, "any", "VITRINE_SIMT_GPUS=1");
    CHECK_MESSAGE(
        holds(crowded, "nccl: 2 processes or more share a machine with 1 GPU, and NCCL wants one for each"),
        crowded);
    CHECK_MESSAGE(holds(crowded, "nccl: it cannot be used in all processes"), crowded);
    const std::string wanted = said_by(2, "nccl", "VITRINE_SIMT_GPUS=1");
    CHECK_MESSAGE(holds(wanted, "--collective nccl: it cannot be used here: 2 processes or more share"),
                  wanted);
}

TEST_CASE("an NCCL that cannot start, or fails in a call, ends all with its reason") {
    const std::string start = said_by(2, "nccl", "VITRINE_STAND_IN_FAILS=ncclCommInitRank=2");
    CHECK_MESSAGE(holds(start,
                        "the processes' GPUs cannot reach each other: ncclCommInitRank: ncclSystemError: a "
                        "test wants this to fail"),
                  start);
    const std::string call = said_by(2, "nccl", "VITRINE_STAND_IN_FAILS=ncclBroadcast=1");
    CHECK_MESSAGE(holds(call, "ncclBroadcast: ncclUnhandledCudaError"), call);
    const std::string same_gpu = said_by(2, "nccl", "VITRINE_TEST_SAME_GPU=1");
    CHECK_MESSAGE(holds(same_gpu, "have the same GPU, 0"), same_gpu);
}

TEST_CASE("a way that a device has not is named with those that it has") {
    CHECK(error_of([] { join_devices(Device::cpu, alone(), "nccl"); }) ==
          "--collective nccl: device cpu has host");
    CHECK(error_of([] { join_devices(Device::simt, alone(), "mpi"); }) ==
          "--collective mpi: device simt has nccl, host, nccl_sums");
}

}  // namespace vitrine::tests

// The clock that bench times devices by, their peaks, and that a step's time is that of the step alone.

#include "lab/common/device_clock.h"

#include <doctest/doctest.h>

#include <chrono>
#include <nlohmann/json.hpp>
#include <thread>

#include "lab/bench/peak.h"
#include "lab/bench/step_bench.h"
#include "tests/tools/program.h"

namespace vitrine::tools {
namespace {

using Json = nlohmann::json;

/// Those that every machine has.
constexpr Device devices[] = {Device::cpu, Device::simt};

}  // namespace

TEST_CASE("the time between two marks is what passed between them, whatever other marks there are") {
    for (const Device device : devices) {
        CAPTURE(name_of(device));
        DeviceClock clock(device);
        const size_t first = clock.mark();
        const size_t second = clock.mark();
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
        const size_t third = clock.mark();
        clock.wait();
        CHECK(clock.seconds(first, third) >= 0.005);
        CHECK(clock.seconds(first, third) ==
              doctest::Approx(clock.seconds(first, second) + clock.seconds(second, third)).epsilon(1e-3));
        CHECK(clock.seconds(third, third) == 0.0);
        clock.clear();
        CHECK(clock.mark() == first);
        CHECK(clock.mark() == second);
    }
}

TEST_CASE("a device that runs behind the host is kept busy for about as long as it is asked to be") {
    // How much work that is is measured, once for each clock; on a busy machine a measurement may be far off.
    double busy = 0.0;
    const auto about_right = [&] { return busy > 0.005 && busy < 3.0; };
    for (int measurement = 0; measurement < 10 && !about_right(); ++measurement) {
        DeviceClock clock(Device::simt);
        clock.keep_busy(0.0);
        const size_t start = clock.mark();
        clock.keep_busy(0.03);
        busy = clock.seconds(start, clock.mark());
    }
    CAPTURE(busy);
    CHECK(about_right());
    DeviceClock host(Device::cpu);
    const size_t now = host.mark();
    host.keep_busy(1.0);
    CHECK(host.seconds(now, host.mark()) < 0.5);
}

TEST_CASE("peaks are those of the device that is asked for") {
    const Peak cpu = measure_peak(Device::cpu), simt = measure_peak(Device::simt);
    for (const Peak& peak : {cpu, simt}) {
        CHECK(peak.flops > 1e6);
        CHECK(peak.bandwidth > 1e6);
        CHECK(peak.flops < 1e16);
        CHECK(peak.bandwidth < 1e14);
    }
    // Every thread of simt's kernels is run by the host, an instruction at a time.
    CHECK(simt.flops < cpu.flops);
    CHECK(simt.bandwidth < cpu.bandwidth);
}

TEST_CASE("bench on simt measures against simt's own peaks, and every implementation has its share") {
    const tests::Outcome outcome =
        tests::run("bench", {"op", "add", "--device", "simt", "--model", "basic_block_net", "--image-size",
                             "8", "--batch-size", "2", "--steps", "2", "--json"});
    REQUIRE(outcome.code == 0);
    const Json json = Json::parse(outcome.out);
    CHECK(json["peak_gflops"].get<double>() < 1e-9 * measure_peak(Device::cpu).flops);
    for (const Json& implementation : json["kernels"][0]["shapes"][0]["implementations"]) {
        CAPTURE(implementation.dump());
        CHECK(implementation["seconds_median"].get<double>() > 0.0);
        CHECK(implementation["gbytes_per_second"].get<double>() > 0.0);
        CHECK(implementation["share_of_peak"].get<double>() > 0.0);
    }
}

TEST_CASE("a timed step has its batch on the device already: it neither uploads nor normalises") {
    const StepBenchResult result = bench_step({.model = "basic_block_net",
                                               .device = Device::simt,
                                               .image_size = 8,
                                               .batch_size = 2,
                                               .classes = 3,
                                               .steps = 1,
                                               .per_op = true});
    double bytes = 0.0, normalising = 0.0, seconds = 0.0;
    for (const OpTime& op : result.ops) {
        CAPTURE(op.op);
        (op.op == "finish_images" ? normalising : bytes) += op.forward.bytes() + op.backward.bytes();
        if (op.op != "reshape") CHECK(op.seconds() > 0.0);
        seconds += op.seconds();
    }
    CHECK(normalising > 0.0);  // an op of the workload that is timed op by op
    CHECK(result.cost.bytes() == bytes);
    CHECK(result.other_seconds >= 0.0);
    CHECK(result.traced_seconds >= seconds);
}

}  // namespace vitrine::tools

// The clause about the kernels that may have gone wrong.

#include "kernels/launch_log.h"

#include <doctest/doctest.h>

#include <string>

using namespace vitrine;

namespace {

const int kernels[40] = {};  // their addresses stand for code

/// "k0<float>", "k1<float>" …
std::string name_of(const void* kernel) {
    return "k" + std::to_string(static_cast<const int*>(kernel) - kernels) + "<float>";
}

void add(LaunchLog& log, int kernel) { log.add(&kernels[kernel], {3, 1, 1}, {64, 2, 1}); }

}  // namespace

TEST_CASE("the suspects are the launches that nobody has waited for") {
    LaunchLog log(name_of, LaunchLog::Names::when_asked);
    CHECK(log.suspects() == "no kernel was running");
    add(log, 0);
    {
        const RunningKernelScope scope("add_forward", "packs");
        add(log, 1);
    }
    log.complete(1);
    CHECK(log.suspects() ==
          "the kernel that went wrong is k1<float> (add_forward packs, 3 x 1 x 1 blocks of 64 x 2 x 1 "
          "threads)");
    add(log, 2);
    add(log, 2);
    const std::string text = log.suspects();
    CHECK(text.starts_with(
        "the kernel that went wrong is one of the 3 launched since the host last waited: k1<"));
    CHECK(text.find("threads), k2<float> (3 x 1 x 1 blocks of 64 x 2 x 1 threads); CUDA_LAUNCH_BLOCKING=1") !=
          std::string::npos);
    log.complete(log.count());
    CHECK(log.suspects() == "no kernel was running");
    log.complete(1);  // known already
    CHECK(log.suspects() == "no kernel was running");
}

TEST_CASE("many suspects are told briefly, so that none is cut out of the sentence") {
    LaunchLog log(name_of, LaunchLog::Names::when_asked);
    for (int i = 0; i < 40; ++i) {
        const RunningKernelScope scope("pointwise_conv_backward", "register_tiled_singles");
        add(log, i);
    }
    const std::string text = log.suspects();
    for (int i = 0; i < 40; ++i) {
        CHECK(text.find("k" + std::to_string(i) + " (pointwise_conv_backward register_tiled_singles)") !=
              std::string::npos);
    }
    CHECK(text.find('<') == std::string::npos);
}

TEST_CASE("more launches than are kept are said to have been there") {
    LaunchLog log(name_of, LaunchLog::Names::when_asked);
    for (int i = 0; i < 5000; ++i) add(log, i % 3);
    CHECK(log.suspects().find("5000 launched since the host last waited: earlier ones, k") !=
          std::string::npos);
}

TEST_CASE("a failed launch is an Error of its own, or a DeviceFault with the suspects") {
    LaunchLog log(name_of, LaunchLog::Names::at_launch);
    add(log, 4);
    CHECK_THROWS_WITH_AS(
        log.throw_failed_launch(&kernels[5], {1, 1, 1}, {2048, 1, 1}, 9, "invalid configuration"),
        "launch of k5<float> with 1 x 1 x 1 blocks of 2048 x 1 x 1 threads failed: invalid "
        "configuration",
        Error);
    CHECK_THROWS_WITH_AS(
        log.throw_failed_launch(&kernels[5], {1, 1, 1}, {32, 1, 1}, 700, "an illegal access"),
        doctest::Contains("an illegal access; the kernel that went wrong is k4<float> ("), DeviceFault);
}

TEST_CASE("launches that a graph holds have not been made; the graph is one") {
    LaunchLog log(name_of, LaunchLog::Names::when_asked);
    add(log, 0);
    log.complete(1);
    log.begin_capture();
    for (int i = 0; i < 5; ++i) add(log, i);
    CHECK(log.count() == 1);
    CHECK(log.suspects() == "no kernel was running");
    CHECK(log.end_capture() == 5);
    log.add_graph(5);
    CHECK(log.count() == 2);
    CHECK(log.suspects() == "the kernel that went wrong is one of the 5 in a graph of a whole step");
}

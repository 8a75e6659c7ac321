// gradcheck as a program: what it prints, and what it refuses.

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <set>
#include <string>

#include "kernels/cpu/instruction_sets.h"
#include "tests/tools/program.h"

using vitrine::tests::Outcome;
using vitrine::tests::run;

namespace {

void check_refusal(std::vector<std::string> arguments, const char* part) {
    const Outcome outcome = run("gradcheck", std::move(arguments));
    CHECK(outcome.code == 2);
    CHECK_MESSAGE(outcome.err.find(part) != std::string::npos, outcome.err);
}

}  // namespace

TEST_CASE("gradcheck: however many processes share the problems, it prints the same") {
    const Outcome one = run("gradcheck", {"--device", "simt", "--op", "add", "--processes", "1"});
    const Outcome three = run("gradcheck", {"--device", "simt", "--op", "add", "--processes", "3"});
    CHECK_MESSAGE(one.code == 0, one.out);
    CHECK(three.code == 0);
    CHECK(one.out == three.out);
    CHECK(one.last_line() == "54 passed, 0 failed");
}

TEST_CASE("gradcheck: only problems of a shape") {
    const Outcome outcome = run("gradcheck", {"--device", "reference", "--op", "add", "--shape", "33"});
    CHECK(outcome.code == 0);
    CHECK_MESSAGE(outcome.last_line() == "6 passed, 0 failed", outcome.out);
}

TEST_CASE("gradcheck --once checks every problem of every implementation, without differences") {
    const Outcome usual = run("gradcheck", {"--device", "cpu", "--op", "linear"});
    const Outcome once = run("gradcheck", {"--device", "cpu", "--op", "linear", "--once"});
    CHECK(once.code == 0);
    CHECK(once.last_line() == usual.last_line());
    CHECK(usual.out.find("  differences ") != std::string::npos);
    CHECK(once.out.find("  differences ") == std::string::npos);
}

TEST_CASE("gradcheck: what it refuses, with exit code 2") {
    check_refusal({"--device", "cpu", "--report"}, "--report is for --device simt");
    check_refusal({"--report", "--gpu", "voodoo2"}, "--gpu voodoo2: choose one of t4");
    check_refusal({"--model", "mobilenet_v2"}, "--model belongs to --report");
    check_refusal({"--report", "--model", "perceptron"}, "perceptron");
    check_refusal({"--device", "reference", "--shape", "in the shape of a pear"}, "nothing was checked");
    check_refusal({"--op", "teleport"}, "there is no such op");
    check_refusal({"--once", "--thorough"}, "--once excludes --thorough");
    check_refusal({"--instructions", "abacus"}, "--instructions abacus: choose one of");
    check_refusal({"--device", "reference", "--instructions", "baseline"},
                  "--instructions is for --device cpu");
}

TEST_CASE("gradcheck --instructions: the kernels of other processors have results of their own") {
    const std::vector<std::string> arguments{"--device", "cpu", "--op", "l2_norm"};
    std::set<std::string> outputs;
    for (const std::string& set : vitrine::cpu::instruction_sets()) {
        CAPTURE(set);
        std::vector<std::string> with_set = arguments;
        with_set.insert(with_set.end(), {"--instructions", set});
        const Outcome outcome = run("gradcheck", with_set);
        CHECK(outcome.code == 0);
        outputs.insert(outcome.out);
    }
    // A vector's lanes are summed for themselves first, so that as many as there are show in the last digits.
    CHECK(outputs.size() == vitrine::cpu::instruction_sets().size());
    CHECK(outputs.contains(run("gradcheck", arguments).out));
}

#ifndef __SANITIZE_ADDRESS__
TEST_CASE("gradcheck --report --model: every launch of a training step, with what it moves") {
    const Outcome outcome = run("gradcheck", {"--report", "--model", "basic_block_net", "--image-size", "16",
                                              "--batch-size", "2", "--json", "--lines"});
    REQUIRE_MESSAGE(outcome.code == 0, outcome.err);
    std::set<std::string> kernels;
    for (const std::string& text : outcome.lines()) {
        const nlohmann::json entry = nlohmann::json::parse(text);
        kernels.insert(entry["kernel"]);
        CAPTURE(text);
        CHECK(entry["times"] >= 1);
        CHECK(entry["least"]["bytes"] > 0);
        CHECK(entry["all"]["bytes_read"] > 0);
        CHECK(entry["all"]["seconds"] >= entry["all"]["seconds_if_cached"]);
        double launches = 0;
        for (const nlohmann::json& launched : entry["launched"]) {
            launches += launched["launches"].get<double>();
            CHECK(!launched["lines"].empty());
        }
        CHECK(launches == entry["all"]["launches"]);
    }
    for (const char* kernel :
         {"finish_images", "dense_conv_forward", "dense_conv_backward", "resolve_forward", "resolve_backward",
          "average_pool_forward", "average_pool_backward", "linear_forward", "linear_backward",
          "softmax_cross_entropy_forward", "softmax_cross_entropy_backward", "sgd_update"}) {
        CHECK_MESSAGE(kernels.contains(kernel), kernel);
    }
}
#endif

// What the programs say where the cuda device cannot be used: one sentence, exit code 2, no crash.

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "kernels/kernels.h"
#include "kernels/unusable_device.h"
#include "tests/tools/program.h"

namespace vitrine::tests {
namespace {

/// Why cuda cannot be used here, at length and in a clause; empty if it can.
std::pair<std::string, std::string> reasons() {
    try {
        kernels(Device::cuda);
        return {};
    } catch (const UnusableDevice& unusable) {
        return {unusable.what(), unusable.clause};
    }
}

std::string reason() { return reasons().first; }
std::string clause() { return reasons().second; }

bool gpu_is_missing() {
    if (reason().empty()) MESSAGE("skipped: there is a GPU");
    return !reason().empty();
}

}  // namespace

TEST_CASE("--device cuda without a GPU is one sentence and exit code 2") {
    if (!gpu_is_missing()) return;
    const TemporaryFolder folder;
    write_colours(folder.path());
    const std::vector<std::pair<std::string, std::vector<std::string>>> calls{
        {"train", {"--data", folder.path(), "--device", "cuda", "--out", folder / "run"}},
        {"gradcheck", {"--device", "cuda", "--op", "add"}},
        {"bench", {"step", "--device", "cuda"}},
        {"bench", {"op", "add", "--device", "cuda"}}};
    for (const auto& [program, arguments] : calls) {
        CAPTURE(program);
        const Outcome outcome = run(program, arguments);
        CHECK(outcome.code == 2);
        CHECK(outcome.err == program + ": " + reason() + "\n");
        CHECK(std::ranges::count(outcome.err, '\n') == 1);
        const size_t driver = outcome.err.find("driver");
        CHECK(outcome.err.find("driver", driver + 1) == std::string::npos);  // a missing one is told once
    }
}

TEST_CASE("--device auto without a GPU takes the cpu and says why in one short clause") {
    if (!gpu_is_missing()) return;
    const TemporaryFolder folder;
    write_colours(folder.path());
    const Outcome outcome =
        run("train", {"--data", folder.path(), "--device", "auto", "--out", folder / "run", "--max-steps",
                      "1", "--batch-size", "4", "--image-size", "16"});
    CHECK(outcome.code == 0);
    const std::vector<std::string> lines = outcome.lines();
    const auto device =
        std::ranges::find_if(lines, [](const std::string& line) { return line.starts_with("device"); });
    REQUIRE(device != lines.end());
    CHECK_MESSAGE(device->find("cpu (" + clause() + "), ") != std::string::npos, *device);
    CHECK(device->size() < 80);
}

}  // namespace vitrine::tests

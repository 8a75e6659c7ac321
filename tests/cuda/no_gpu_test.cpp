// What the programs say where the cuda device cannot be used: one sentence, exit code 2, no crash.

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "kernels/error.h"
#include "kernels/kernels.h"
#include "tests/tools/program.h"

namespace vitrine::tests {
namespace {

/// Why cuda cannot be used here; empty if it can.
std::string reason() {
    try {
        kernels(Device::cuda);
        return {};
    } catch (const Error& error) {
        return error.what();
    }
}

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
    }
}

TEST_CASE("--device auto without a GPU takes the cpu and gives the real reason") {
    if (!gpu_is_missing()) return;
    const TemporaryFolder folder;
    write_colours(folder.path());
    const Outcome outcome =
        run("train", {"--data", folder.path(), "--device", "auto", "--out", folder / "run", "--max-steps",
                      "1", "--batch-size", "4", "--image-size", "16"});
    CHECK(outcome.code == 0);
    CHECK_MESSAGE(outcome.out.find(reason()) != std::string::npos, outcome.out);
}

}  // namespace vitrine::tests

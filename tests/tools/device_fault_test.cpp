// A GPU that fails under the programs: one sentence that names the kernel, and exit code 1.

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>

#include "tests/tools/program.h"

namespace vitrine::tests {
namespace {

bool contains(const std::string& text, const std::string& part) { return text.find(part) != text.npos; }

void check_told(const Outcome& outcome, const std::string& program, const std::string& kernel) {
    CAPTURE(outcome.err);
    CHECK(outcome.code == 1);
    CHECK(outcome.err.starts_with(program + ": "));
    CHECK(std::ranges::count(outcome.err, '\n') == 1);
    CHECK(contains(outcome.err, "an illegal memory access was encountered"));
    CHECK(contains(outcome.err, kernel));
}

}  // namespace

TEST_CASE("train and bench name the kernel that made the device fail, late or at once") {
    const TemporaryFolder folder;
    write_colours(folder / "data");
    const std::string train = fmt::format(
        " train --data {0}/data --device simt --model basic_block_net --image-size 16 --batch-size 4 "
        "--max-steps 3 "
        "--threads 2 --quiet --out {0}/",
        folder.path().string());
    const std::string sgd = "VITRINE_SIMT_FAULT=cudaErrorIllegalAddress@update_:2";
    check_told(run_script(sgd + train + "late"), "train", "(sgd_update ");
    const auto late = nlohmann::json::parse(content_of(folder / "late/run.json"));
    CHECK(late["ended"] == "failed");
    CHECK(contains(late["failure"]["sentence"], "(sgd_update "));
    CHECK(contains(content_of(folder / "late/report.html"), "(sgd_update "));
    check_told(run_script("CUDA_LAUNCH_BLOCKING=1 " + sgd + train + "blocking"), "train",
               "the kernel that went wrong is update_");
    const std::string softmax = "VITRINE_SIMT_FAULT=cudaErrorIllegalAddress@softmax:1";
    check_told(run_script(softmax + train + "loss"), "train", "softmax_cross_entropy_forward ");
    const std::string add = "VITRINE_SIMT_FAULT=cudaErrorIllegalAddress@add_packs:2";
    check_told(
        run_script(
            add +
            " bench op add --device simt --model basic_block_net --image-size 16 --batch-size 4 --steps 1"),
        "bench", "add_packs");
}

}  // namespace vitrine::tests

// Runs of train that end before their time: by a signal, or because numbers stop being finite.

#include <doctest/doctest.h>

#include <csignal>
#include <filesystem>
#include <sstream>

#include "engine/safetensors.h"
#include "tests/tools/program.h"

namespace vitrine::tests {
namespace {

namespace fs = std::filesystem;

std::vector<std::string> endless_run(const TemporaryFolder& folder) {
    write_colours(folder.path() / "data");
    return {"--data", folder / "data", "--image-size", "16",    "--epochs",
            "100000", "--batch-size",  "20",           "--out", folder / "run"};
}

TEST_CASE("train: Ctrl-C ends with a checkpoint and the best line") {
    const TemporaryFolder folder;
    Program program("train", endless_run(folder));
    REQUIRE(program.wait_for_output("epoch 2/"));
    program.send(SIGINT);
    const Outcome outcome = program.wait();
    CHECK(outcome.code == 130);
    CHECK(outcome.last_line().starts_with("best val_accuracy "));
    CHECK(outcome.err.find("interrupted after step ") != std::string::npos);
    const SafeTensors last = read_safetensors(folder / "run/last.safetensors");
    CHECK(std::stol(last.metadata.at("epoch")) >= 2);
    // The checkpoint is that of the last step, which the notice names.
    CHECK(outcome.err.find("after step " + last.metadata.at("step") + ":") != std::string::npos);
}

TEST_CASE("train: SIGTERM, and SIGHUP of a terminal that goes away, end as cleanly") {
    for (const int signal : {SIGTERM, SIGHUP}) {
        CAPTURE(signal);
        const TemporaryFolder folder;
        Program program("train", endless_run(folder));
        REQUIRE(program.wait_for_output("epoch 1/"));
        program.send(signal);
        CHECK(program.wait().code == 128 + signal);
        CHECK_NOTHROW(read_safetensors(folder / "run/last.safetensors"));
    }
}

TEST_CASE("train: under nohup a run goes on when the terminal goes away") {
    const TemporaryFolder folder;
    const auto before = std::signal(SIGHUP, SIG_IGN);  // what nohup does
    Program program("train", endless_run(folder));
    std::signal(SIGHUP, before);
    REQUIRE(program.wait_for_output("epoch 1/"));
    program.send(SIGHUP);
    REQUIRE(program.wait_for_output("epoch 4/"));
    program.send(SIGTERM);
    CHECK(program.wait().code == 143);
}

TEST_CASE("train: a loss that is not finite stops the run, names its origin and spares the checkpoints") {
    const TemporaryFolder folder;
    std::vector<std::string> arguments = endless_run(folder);
    arguments.insert(arguments.end(), {"--schedule", "constant", "--lr", "1e30"});
    const Outcome outcome = run("train", arguments);
    CAPTURE(outcome.err);
    CHECK(outcome.code == 1);
    CHECK(outcome.err.find("not finite") != std::string::npos);
    const bool names_op = outcome.err.find("the first op that made it so is op ") != std::string::npos;
    const bool names_tensor = outcome.err.find("train: parameter layer_") != std::string::npos ||
                              outcome.err.find("train: statistic layer_") != std::string::npos;
    CHECK((names_op || names_tensor));
    CHECK_FALSE(fs::exists(folder / "run/last.safetensors"));
}

}  // namespace
}  // namespace vitrine::tests

// Runs of train that end before their time: by a signal, or because numbers stop being finite.

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "engine/safetensors.h"
#include "tests/tools/program.h"

namespace vitrine::tests {
namespace {

namespace fs = std::filesystem;

using Json = nlohmann::json;

/// Of DIR/run.
Json settings_of(const TemporaryFolder& folder) { return Json::parse(content_of(folder / "run/run.json")); }

/// What the page of DIR/run has of run.json: the first thing in its data.
bool page_has(const TemporaryFolder& folder, const std::string& text) {
    return content_of(folder / "run/report.html").find(text) != std::string::npos;
}

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
    CHECK(settings_of(folder)["ended"] == "interrupted");
    CHECK(page_has(folder, R"("ended":"interrupted")"));
}

TEST_CASE("train: run.json and the page say how a run has ended, and nothing while it goes on") {
    const TemporaryFolder folder;
    write_colours(folder.path() / "data");
    const auto ends = [&](const std::vector<std::string>& more, const char* how) {
        std::vector<std::string> all{"--data", folder / "data", "--image-size", "16",          "--batch-size",
                                     "20",     "--quiet",       "--out",        folder / "run"};
        all.insert(all.end(), more.begin(), more.end());
        const Outcome outcome = run("train", all);
        CAPTURE(outcome.err);
        CHECK(outcome.code == 0);
        CHECK(settings_of(folder)["ended"] == how);
        CHECK_FALSE(settings_of(folder).contains("failure"));
        CHECK(page_has(folder, fmt::format(R"("ended":"{}")", how)));
    };
    ends({"--epochs", "2", "--max-steps", "2"}, "max-steps");
    ends({"--epochs", "2", "--max-minutes", "1e-9"}, "max-minutes");
    ends({"--epochs", "2"}, "finished");
    // Drawn again where it was killed before all was written.
    Json settings = settings_of(folder);
    settings.erase("ended");
    std::ofstream(folder / "run/run.json") << settings;
    ends({"--epochs", "2"}, "finished");
    const std::string whole = content_of(folder / "run/run.json");
    ends({"--epochs", "2"}, "finished");
    CHECK(content_of(folder / "run/run.json") == whole);
    ends({"--overwrite", "--set", "training.early_stopping=1", "--set", "phase.1.epochs=50"},
         "early stopping");

    // A phase before the last may end early.
    std::ofstream(folder / "phases.toml") << "[training]\nearly_stopping = 1\n[[phase]]\n[[phase]]\n";
    ends({"--overwrite", folder / "phases.toml", "--set", "phase.1.epochs=50", "--set", "phase.1.lr=1e-9",
          "--set", "phase.2.epochs=1"},
         "finished");

    const TemporaryFolder other;
    Program program("train", endless_run(other));
    REQUIRE(program.wait_for_output("epoch 2/"));
    CHECK_FALSE(settings_of(other).contains("ended"));
    program.send(SIGKILL);
    program.wait();
    CHECK_FALSE(settings_of(other).contains("ended"));
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

    // Nothing of the epoch is in metrics.jsonl, yet the page is there, with the sentence.
    const Json failure = settings_of(folder)["failure"];
    CHECK(outcome.err == fmt::format("train: {}\n", failure["sentence"].get<std::string>()));
    CHECK(failure["epoch"] == 1);
    CHECK(outcome.err.find(fmt::format("step {}", failure["step"].get<int64_t>())) != std::string::npos);
    CHECK(settings_of(folder)["ended"] == "failed");
    CHECK(page_has(folder, failure["sentence"].get<std::string>()));
    CHECK(outcome.last_line() == "report      " + folder / "run/report.html");
    // Of a run of 600,000 steps each of the first has a point in the curves.
    std::istringstream steps(content_of(folder / "run/steps.jsonl"));
    int64_t logged = 0;
    for (std::string line; std::getline(steps, line);) CHECK(Json::parse(line)["step"] == ++logged);
    CHECK(logged == failure["step"].get<int64_t>() - 1);
    CHECK(content_of(folder / "run/metrics.jsonl").empty());

    arguments.back() = "0.01";
    arguments.insert(arguments.end(), {"--allow-changes", "--max-steps", "7"});
    const Outcome again = run("train", arguments);
    CAPTURE(again.err);
    CHECK(again.code == 0);
    CHECK_FALSE(settings_of(folder).contains("failure"));
    CHECK(settings_of(folder)["ended"] == "max-steps");
    CHECK_FALSE(page_has(folder, failure["sentence"].get<std::string>()));
}

TEST_CASE("train: a run that fails later keeps its curves, and names epoch and step") {
    const TemporaryFolder folder;
    write_colours(folder.path() / "data");
    std::ofstream(folder / "recipe.toml")
        << "[training]\nbatch_size = 20\n"
           "[[phase]]\nepochs = 2\nlr = 0.01\n[[phase]]\nepochs = 2\nlr = 1e30\n";
    const Outcome outcome = run("train", {folder / "recipe.toml", "--data", folder / "data", "--image-size",
                                          "16", "--out", folder / "run"});
    CAPTURE(outcome.err);
    REQUIRE(outcome.code == 1);
    const Json failure = settings_of(folder)["failure"];
    CHECK(failure["epoch"] == 3);
    const int64_t step = failure["step"];
    CHECK(step > 12);
    CHECK(step <= 18);
    std::istringstream lines(content_of(folder / "run/steps.jsonl"));
    int64_t logged = 0;
    Json last;  // before the step that failed
    for (std::string line; std::getline(lines, line); ++logged) {
        const Json logged_step = Json::parse(line);
        if (logged_step["step"] < step) last = logged_step;
    }
    CHECK(logged >= step - 1);
    const std::string sentence = failure["sentence"];
    CHECK(page_has(folder, sentence));
    // The steps before belong to it, to the last one: 12 as usual, then the rate of 1e30.
    CHECK(sentence.find(". Before that, the loss was ") != std::string::npos);
    REQUIRE(last["step"] == step - 1);
    const auto tells = [&](const char* form) {
        return sentence.find(fmt::format(fmt::runtime(form), last["loss"].get<double>(), step - 1)) !=
               std::string::npos;
    };
    CHECK((tells("{:.3g} at {}") || tells("{:.3g} at step {}")));
    CHECK(sentence.find("Try a lower learning rate") != std::string::npos);
}

}  // namespace
}  // namespace vitrine::tests

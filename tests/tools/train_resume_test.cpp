// A run that is killed, stopped, damaged or short of disk ends with the same bits as one that is left in
// peace.

#include <doctest/doctest.h>
#include <sys/resource.h>

#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <thread>

#include "engine/random.h"
#include "tests/tools/program.h"

namespace vitrine::tests {
namespace {

namespace fs = std::filesystem;

/// Everything that has a state of its own: averaged weights, clipping, accumulation, noise that depends on
/// the step, a cyclic momentum, two phases of which the second starts from the best weights.
constexpr const char* recipe = R"(
seed = 9
[data]
image_size = 16
[model]
name = "mobilenet_v2"
width_mult = 0.25
[transforms]
augment = [ { op = "random_horizontal_flip" }, { op = "trivial_augment_wide" } ]
[training]
batch_size = 12
accumulate = 2
ema_decay = 0.9
clip_norm = 1.0
skip_outliers = 50.0
checkpoint_minutes = 0.0
watch = 3
[[phase]]
name = "cycle"
epochs = 2
lr = 0.02
scheduler = { kind = "cyclic", base_lr = 0.005, max_lr = 0.02, step_size_up = 3, per = "batch" }
[[phase]]
name = "settle"
epochs = 2
lr = 0.01
scheduler = { kind = "reduce_on_plateau", patience = 0, metric = "val_loss", per = "epoch" }
start_from = "best"
reset_momentum = true
)";

struct Fixture {
    Fixture() {
        write_colours(folder.path() / "data");
        std::ofstream(folder / "recipe.toml") << recipe;
    }

    std::vector<std::string> arguments(const std::string& name, std::vector<std::string> more = {}) const {
        std::vector<std::string> all{folder / "recipe.toml", "--data", folder / "data", "--out",
                                     folder / name};
        all.insert(all.end(), more.begin(), more.end());
        return all;
    }
    Outcome train(const std::string& name, std::vector<std::string> more = {}) const {
        return run("train", arguments(name, std::move(more)));
    }
    std::string file(const std::string& name, const std::string& of) const {
        return content_of(folder.path() / name / of);
    }
    void check_same(const std::string& name, const std::string& expected) const {
        for (const char* of :
             {"metrics.jsonl", "steps.jsonl", "watch.jsonl", "last.safetensors", "best.safetensors"}) {
            CAPTURE(of);
            CHECK(!file(expected, of).empty());
            CHECK(file(name, of) == file(expected, of));
        }
    }
    /// The newest first.
    std::vector<fs::path> checkpoints(const std::string& name) const {
        std::map<std::string, fs::path, std::greater<>> found;
        for (const auto& entry : fs::directory_iterator(folder.path() / name / "checkpoints")) {
            if (entry.path().filename().string().starts_with("step-"))
                found[entry.path().filename().string()] = entry.path();
        }
        std::vector<fs::path> paths;
        for (const auto& [key, path] : found) paths.push_back(path);
        return paths;
    }

    TemporaryFolder folder;
};

TEST_CASE_FIXTURE(Fixture, "train: killed at random moments, a run ends as if nothing had happened") {
    REQUIRE(train("whole").code == 0);
    const auto start = std::chrono::steady_clock::now();
    REQUIRE(train("again").code == 0);
    const std::chrono::duration<double, std::milli> length = std::chrono::steady_clock::now() - start;
    check_same("again", "whole");

    int kills = 0;
    for (uint64_t i = 0; i < 6; ++i) {
        Program program("train", arguments("killed"));
        const double share = random_uniform({.seed = 3, .purpose = RandomPurpose::test}, i, 0.05, 0.4);
        std::this_thread::sleep_for(length * share);
        program.send(SIGKILL);
        kills += program.wait().code == 128 + SIGKILL;
    }
    CHECK(kills >= 2);  // the later ones may find it finished
    const Outcome last = train("killed");
    CAPTURE(last.err);
    REQUIRE(last.code == 0);
    check_same("killed", "whole");

    const Outcome finished = train("killed");
    CHECK(finished.code == 0);
    CHECK(finished.err.find("is finished") != std::string::npos);
    check_same("killed", "whole");
}

TEST_CASE_FIXTURE(Fixture, "train: a run that is stopped or asked to end goes on to the same bits") {
    REQUIRE(train("whole").code == 0);
    for (const char* steps : {"3", "5", "11"}) {
        const Outcome stopped = train("stopped", {"--max-steps", steps});
        CAPTURE(stopped.err);
        CHECK(stopped.code == 0);
        CHECK(stopped.err.find(std::string("stopped after step ") + steps) != std::string::npos);
    }
    Program program("train", arguments("stopped"));
    REQUIRE(program.wait_for_output("epoch 3/"));
    program.send(SIGTERM);
    const int code = program.wait().code;
    CHECK((code == 143 || code == 0));  // 0 where it was just about to end
    REQUIRE(train("stopped").code == 0);
    check_same("stopped", "whole");
}

TEST_CASE_FIXTURE(Fixture, "train: a damaged checkpoint is noticed, and the one before it used") {
    REQUIRE(train("whole").code == 0);
    REQUIRE(train("damaged", {"--max-steps", "8"}).code == 0);
    const std::vector<fs::path> before = checkpoints("damaged");
    REQUIRE(before.size() == 2);
    std::fstream stream(before[0], std::ios::in | std::ios::out | std::ios::binary);
    stream.seekp(-100, std::ios::end);
    stream.put('\x55').put('\x55');
    stream.close();
    const Outcome outcome = train("damaged", {"--max-steps", "9"});
    CAPTURE(outcome.err);
    CHECK(outcome.code == 0);
    CHECK(outcome.err.find("checksum") != std::string::npos);
    CHECK(outcome.err.find("going on after step 7") != std::string::npos);

    for (const fs::path& path : checkpoints("damaged")) fs::resize_file(path, fs::file_size(path) / 2);
    const std::string weights = file("damaged", "best.safetensors");
    const Outcome refused = train("damaged");  // nothing is left to go on with, but something to lose
    CAPTURE(refused.err);
    CHECK(refused.code == 2);
    CHECK(refused.err.find("there is a metrics.jsonl but no checkpoint to go on with") != std::string::npos);
    CHECK(file("damaged", "best.safetensors") == weights);
    REQUIRE(train("damaged", {"--overwrite"}).code == 0);
    check_same("damaged", "whole");
}

TEST_CASE_FIXTURE(Fixture,
                  "train: another recipe is refused with what is different, unless it is asked for") {
    REQUIRE(train("run", {"--max-steps", "2"}).code == 0);
    const std::string weights = file("run", "last.safetensors");
    const std::vector<std::string> changes{"--set", "phase.2.lr=0.005", "--set", "training.batch_size=10"};
    const Outcome refused = train("run", changes);
    CAPTURE(refused.err);
    CHECK(refused.code == 2);
    CHECK(refused.err.find("phase.2.lr is 0.005 (there: 0.01)") != std::string::npos);
    CHECK(refused.err.find("training.batch_size is 10 (there: 12)") != std::string::npos);
    CHECK(refused.err.find("--allow-changes") != std::string::npos);
    CHECK(file("run", "last.safetensors") == weights);

    const Outcome allowed =
        train("run", {"--set", "phase.2.lr=0.005", "--allow-changes", "--max-steps", "3"});
    CAPTURE(allowed.err);
    CHECK(allowed.code == 0);
    CHECK(allowed.err.find("going on after step 2") != std::string::npos);
    CHECK(file("run", "recipe.toml").find("lr = 0.005") != std::string::npos);

    const Outcome replaced = train("run", {"--overwrite", "--max-steps", "1"});
    CHECK(replaced.code == 0);
    CHECK(replaced.err.find("going on") == std::string::npos);
}

/// No file may grow beyond so many bytes while it lives: what a full disk is like.
class FileSizeLimit {
  public:
    explicit FileSizeLimit(rlim_t bytes) {
        ::getrlimit(RLIMIT_FSIZE, &before_);
        const rlimit limit{bytes, before_.rlim_max};
        ::setrlimit(RLIMIT_FSIZE, &limit);
    }
    ~FileSizeLimit() { ::setrlimit(RLIMIT_FSIZE, &before_); }
    FileSizeLimit(const FileSizeLimit&) = delete;
    FileSizeLimit& operator=(const FileSizeLimit&) = delete;

  private:
    rlimit before_{};
};

TEST_CASE_FIXTURE(Fixture, "train: a full disk ends neither the run nor the checkpoint before it") {
    REQUIRE(train("whole").code == 0);
    REQUIRE(train("full", {"--max-steps", "6"}).code == 0);
    const std::string checkpoint = content_of(checkpoints("full").at(0));
    {
        const FileSizeLimit limit(64 * 1024);  // no checkpoint fits
        const Outcome outcome = train("full");
        CAPTURE(outcome.err);
        CHECK(outcome.code == 1);  // trained to its end, but not kept
        CHECK(outcome.err.find("the run goes on") != std::string::npos);
        CHECK(outcome.err.find("last.safetensors could not be written") != std::string::npos);
        CHECK(outcome.last_line().starts_with("best val_accuracy "));
        const auto settings = nlohmann::json::parse(file("full", "run.json"));
        CHECK(settings["ended"] == "failed");
        const std::string sentence = settings["failure"]["sentence"];
        CHECK(outcome.err.ends_with("train: " + sentence + "\n"));

        const Outcome always = train("always");  // there never is a best model to begin the second phase with
        CAPTURE(always.err);
        CHECK(always.code == 1);
        CHECK(always.err.find("settle begins with the last weights") != std::string::npos);
        CHECK_FALSE(fs::exists(folder.path() / "always/last.safetensors"));
    }
    CHECK(content_of(checkpoints("full").at(0)) == checkpoint);
    const Outcome outcome = train("full");
    CAPTURE(outcome.err);
    CHECK(outcome.code == 0);
    CHECK(outcome.err.find("going on after step 6") != std::string::npos);
    check_same("full", "whole");
    CHECK_FALSE(nlohmann::json::parse(file("full", "run.json")).contains("failure"));
}

}  // namespace
}  // namespace vitrine::tests

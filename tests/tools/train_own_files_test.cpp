// A run reads, writes and removes nothing but its own files, and replaces no other run's by accident; what
// TensorBoard shows is what metrics.jsonl says.

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/stat.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <fstream>
#include <thread>

#include "engine/random.h"
#include "tests/tools/colour_run.h"
#include "tests/tools/event_points.h"

namespace vitrine::tests {
namespace {

namespace fs = std::filesystem;

struct Fixture : ColourRuns {
    static std::vector<std::string> with(std::vector<std::string> more) {
        more.insert(more.end(), {"--batch-size", "20"});
        return more;
    }
    void check_refused(const std::string& name, const std::vector<std::string>& more,
                       const std::string& part) const {
        const Outcome outcome = train(name, with(more));
        CAPTURE(outcome.err);
        CAPTURE(part);
        CHECK(outcome.code == 2);
        CHECK(outcome.err.starts_with("train: --out "));
        CHECK(outcome.err.find(part) != std::string::npos);
        CHECK(std::ranges::count(outcome.err, '\n') == 1);
    }
    /// Every point of the events is one of metrics.jsonl, and the other way round.
    void check_events(const std::string& name) const {
        std::map<std::string, std::vector<EventPoint>> expected;
        for (const auto& line : lines(name, "metrics.jsonl")) {
            for (const auto& [tag, key] : {std::pair{"loss/train", "train_loss"},
                                           {"loss/validation", "val_loss"},
                                           {"accuracy/train", "train_accuracy"},
                                           {"accuracy/validation", "val_accuracy"},
                                           {"accuracy/validation_top5", "val_top5"},
                                           {"judged/loss", "val_loss"},
                                           {"judged/accuracy", "val_accuracy"},
                                           {"schedule/learning_rate", "learning_rate"},
                                           {"schedule/momentum", "momentum"}})
                expected[tag].push_back({line["step"], line[key].get<float>()});
        }
        for (const auto& line : lines(name, "timing.jsonl")) {
            const int64_t step = lines(name, "metrics.jsonl").at(line["epoch"].get<size_t>() - 1)["step"];
            expected["speed/images_per_second"].push_back({step, line["images_per_second"].get<float>()});
        }
        const auto epochs = lines(name, "metrics.jsonl");
        for (const auto& line : lines(name, "steps.jsonl")) {
            if (!epochs.empty() && line["step"] <= epochs.back()["step"])
                expected["gradient/norm"].push_back({line["step"], line["gradient_norm"].get<float>()});
        }
        CHECK(event_points(folder.path() / name) == expected);
    }
};

TEST_CASE_FIXTURE(Fixture, "train: logs or weights without a checkpoint are replaced only with --overwrite") {
    REQUIRE(train("finished", with({"--epochs", "1"})).code == 0);
    const std::string best = file("finished", "best.safetensors");
    fs::remove_all(path("finished", "checkpoints"));
    check_refused("finished", {"--epochs", "1"}, "there is a metrics.jsonl but no checkpoint to go on with");
    check_refused("finished", {"--epochs", "2", "--allow-changes"}, "no checkpoint to go on with");
    CHECK(file("finished", "best.safetensors") == best);
    for (const char* log : {"metrics.jsonl", "steps.jsonl", "timing.jsonl", "validation.json", "run.json"})
        fs::remove(path("finished", log));
    check_refused("finished", {"--epochs", "1"}, "there is a last.safetensors but no checkpoint");
    fs::remove(path("finished", "last.safetensors"));
    fs::remove(path("finished", "recipe.toml"));
    check_refused("finished", {"--epochs", "1"}, "there is a best.safetensors but no checkpoint");
    CHECK(file("finished", "best.safetensors") == best);
    CHECK(train("finished", with({"--epochs", "1", "--overwrite"})).code == 0);
    // A preview, or somebody's notes, are no run.
    REQUIRE(train("new", with({"--preview", "2"})).code == 0);
    std::ofstream(path("new", "notes.txt")) << "kept";
    CHECK(train("new", with({"--epochs", "1", "--max-steps", "1"})).code == 0);
    CHECK(train("new", with({"--epochs", "1", "--max-steps", "1", "--overwrite"})).code == 0);
    CHECK(file("new", "notes.txt") == "kept");
}

TEST_CASE_FIXTURE(Fixture, "train: nothing is followed out of a run's folder") {
    REQUIRE(train("run", with({"--epochs", "2", "--max-steps", "7", "--tensorboard"})).code == 0);
    const std::string victim = folder / "victim";
    std::ofstream(victim) << "untouched";
    std::vector<fs::path> own;
    for (const auto& entry : fs::recursive_directory_iterator(folder.path() / "run"))
        if (entry.is_regular_file()) own.push_back(entry.path());
    own.push_back(path("run", "preview.png"));
    REQUIRE(own.size() >= 13);
    for (const fs::path& each : own) {
        const bool there = fs::exists(each);
        if (there) fs::rename(each, folder.path() / "aside");
        fs::create_symlink(victim, each);
        for (const std::vector<std::string>& more :
             {std::vector<std::string>{}, {"--overwrite"}, {"--allow-changes"}, {"--preview", "2"}}) {
            std::vector<std::string> all{"--epochs", "2"};
            all.insert(all.end(), more.begin(), more.end());
            check_refused("run", all, fmt::format("{} is a symbolic link", each.string()));
        }
        CHECK(content_of(victim) == "untouched");
        fs::remove(each);
        if (there) fs::rename(folder.path() / "aside", each);
    }
    REQUIRE(::mkfifo(path("run", "preview.png").c_str(), 0600) == 0);
    check_refused("run", {"--epochs", "2"}, "preview.png is a FIFO");
    fs::remove(path("run", "preview.png"));
    fs::create_directory(path("run", "preview.png"));
    check_refused("run", {"--epochs", "2"}, "preview.png is a folder");
    fs::remove(path("run", "preview.png"));

    fs::rename(path("run", "checkpoints"), folder.path() / "elsewhere");
    fs::create_directory_symlink(folder / "elsewhere", path("run", "checkpoints"));
    check_refused("run", {"--epochs", "2"}, "checkpoints is a symbolic link");
    check_refused("run", {"--epochs", "2", "--overwrite"}, "checkpoints is a symbolic link");
    CHECK(fs::exists(folder.path() / "elsewhere/step-000000007.safetensors"));
    fs::remove(path("run", "checkpoints"));
    fs::rename(folder.path() / "elsewhere", path("run", "checkpoints"));

    // A copy by hard links shares its files with the run; going on changes only the copy.
    fs::copy(folder.path() / "run", folder.path() / "copy",
             fs::copy_options::recursive | fs::copy_options::create_hard_links);
    const std::string before = file("run", "steps.jsonl");
    REQUIRE(train("copy", with({"--epochs", "2"})).code == 0);
    CHECK(file("run", "steps.jsonl") == before);
    CHECK(lines("copy", "steps.jsonl").size() == 12);
}

TEST_CASE_FIXTURE(Fixture, "train: killed with TensorBoard on, its points are those of metrics.jsonl") {
    const std::vector<std::string> all =
        with({"--epochs", "10", "--tensorboard", "--set", "training.checkpoint_minutes=0.0"});
    const auto start = std::chrono::steady_clock::now();
    REQUIRE(train("whole", all).code == 0);
    const std::chrono::duration<double, std::milli> length = std::chrono::steady_clock::now() - start;
    check_events("whole");
    int kills = 0;
    for (uint64_t i = 0; i < 5; ++i) {
        Program program("train", arguments("killed", all));
        std::this_thread::sleep_for(length *
                                    random_uniform({.seed = 5, .purpose = RandomPurpose::test}, i, 0.1, 0.4));
        program.send(SIGKILL);
        kills += program.wait().code == 128 + SIGKILL;
    }
    CHECK(kills >= 2);
    REQUIRE(train("killed", all).code == 0);
    CHECK(file("killed", "metrics.jsonl") == file("whole", "metrics.jsonl"));
    check_events("killed");
    // As it is after a kill between metrics and events: both a point too few, and one too many.
    for (const auto& entry : fs::directory_iterator(folder.path() / "killed")) {
        if (entry.path().filename().string().starts_with("events.")) fs::resize_file(entry.path(), 1000);
    }
    const Outcome finished =
        train("killed", with({"--epochs", "10", "--set", "training.checkpoint_minutes=0.0"}));
    CHECK(finished.err.find("is finished") != std::string::npos);
    check_events("killed");
    REQUIRE(train("killed", with({"--epochs", "2", "--overwrite", "--tensorboard"})).code == 0);
    CHECK(lines("killed", "metrics.jsonl").size() == 2);
    check_events("killed");
}

TEST_CASE_FIXTURE(Fixture, "train: a deleted working folder is one sentence") {
    const fs::path gone = folder.path() / "gone";
    for (const std::vector<std::string>& more :
         {std::vector<std::string>{}, {"--out", "run"}, {"--preview", "2"}}) {
        fs::create_directory(gone);
        const Outcome outcome = run_script(fmt::format("cd '{0}' && rmdir '{0}' && train --data '{1}' {2}",
                                                       gone.string(), folder / "data", fmt::join(more, " ")));
        CAPTURE(outcome.err);
        CHECK(outcome.code == 2);
        CHECK(outcome.err.starts_with("train: "));
        CHECK(outcome.err.find("internal error") == std::string::npos);
        CHECK(std::ranges::count(outcome.err, '\n') == 1);
    }
}

}  // namespace
}  // namespace vitrine::tests

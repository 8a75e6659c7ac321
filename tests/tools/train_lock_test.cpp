// A run owns its folder: nobody else is given it or writes into it while the run lives.

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <memory>
#include <set>

#include "tests/tools/program.h"

namespace vitrine::tests {
namespace {

namespace fs = std::filesystem;

struct Fixture {
    Fixture() { write_colours(folder.path() / "data"); }

    /// Without --out.
    std::vector<std::string> arguments(std::vector<std::string> more = {}) const {
        std::vector<std::string> all{
            "--data", folder / "data", "--image-size", "16", "--batch-size", "20", "--threads", "1"};
        all.insert(all.end(), more.begin(), more.end());
        return all;
    }
    std::vector<std::string> endless(std::vector<std::string> more = {}) const {
        more.insert(more.end(), {"--out", folder / "run", "--epochs", "100000"});
        return arguments(std::move(more));
    }
    void check_refused(const Outcome& outcome, const std::string& part) const {
        CAPTURE(outcome.err);
        CHECK(outcome.code == 2);
        CHECK(outcome.out.empty());
        CHECK(outcome.err.starts_with("train: --out "));
        CHECK(outcome.err.find(part) != std::string::npos);
    }

    TemporaryFolder folder;
};

TEST_CASE_FIXTURE(Fixture, "train: runs that begin at the same time have a folder each") {
    constexpr int runs = 4;
    std::vector<std::unique_ptr<Program>> programs;
    for (int i = 0; i < runs; ++i)
        programs.push_back(
            std::make_unique<Program>("train", arguments({"--epochs", "2", "--quiet"}), folder.path()));
    for (const auto& program : programs) CHECK(program->wait().code == 0);
    std::set<std::string> metrics;
    int folders = 0;
    for (const auto& entry : fs::directory_iterator(folder.path() / "runs")) {
        ++folders;
        metrics.insert(content_of(entry.path() / "metrics.jsonl"));
        CHECK_FALSE(fs::exists(entry.path() / ".lock"));
    }
    CHECK(folders == runs);
    CHECK(metrics.size() == 1);  // the same seed in each
}

TEST_CASE_FIXTURE(Fixture, "train: nobody else writes into the folder of a live run; a dead one's is free") {
    Program live("train", endless());
    REQUIRE(live.wait_for_output("epoch 1/"));
    const std::string holder = fmt::format("process {} is writing there", live.process());
    check_refused(run("train", endless()), holder);
    check_refused(run("train", endless({"--overwrite"})), holder);
    check_refused(run("train", endless({"--allow-changes"})), holder);
    check_refused(run("train", endless({"--preview", "2"})), holder);
    fs::create_directory_symlink("run", folder.path() / "link");  // another name of the same folder
    check_refused(run("train", arguments({"--out", folder / "link"})), holder);

    live.send(SIGKILL);
    CHECK(live.wait().code == 128 + SIGKILL);
    CHECK(fs::exists(folder / "run/.lock"));
    const Outcome next = run("train", endless({"--overwrite", "--max-steps", "1"}));
    CAPTURE(next.err);
    CHECK(next.code == 0);
}

TEST_CASE_FIXTURE(Fixture,
                  "train: a live run whose folder is removed ends, and leaves a new one in its place alone") {
    Program live("train", endless());
    REQUIRE(live.wait_for_output("epoch 1/"));
    fs::rename(folder.path() / "run", folder.path() / "moved");
    const Outcome next = run("train", arguments({"--out", folder / "run", "--epochs", "2"}));
    CAPTURE(next.err);
    CHECK(next.code == 0);
    const Outcome lost = live.wait();
    CAPTURE(lost.err);
    CHECK(lost.code == 1);
    CHECK(lost.err.find("was removed or replaced") != std::string::npos);
    const std::string metrics = content_of(folder / "run/metrics.jsonl");
    CHECK(std::ranges::count(metrics, '\n') == 2);
}

TEST_CASE_FIXTURE(Fixture, "train: of two that begin in the same new folder one goes on") {
    Program first("train", endless()), second("train", endless());
    REQUIRE((first.wait_for_output("epoch 1/") || second.wait_for_output("epoch 1/")));
    first.send(SIGTERM);
    second.send(SIGTERM);
    const Outcome outcomes[] = {first.wait(), second.wait()};
    const bool first_won = outcomes[0].code == 143;
    CHECK(outcomes[first_won ? 0 : 1].code == 143);
    check_refused(outcomes[first_won ? 1 : 0], "is writing there");
}

TEST_CASE_FIXTURE(Fixture, "train: a run that cannot begin leaves nothing behind") {
    const Outcome outcome = run("train", {"--data", folder / "missing", "--out", folder / "a/b"});
    CHECK(outcome.code == 2);
    CHECK_FALSE(fs::exists(folder.path() / "a"));
    Program program("train", {"--data", folder / "missing"}, folder.path());
    CHECK(program.wait().code == 2);
    CHECK_FALSE(fs::exists(folder.path() / "runs"));
}

TEST_CASE_FIXTURE(Fixture, "train: a lock that is a link or a FIFO is refused and left alone") {
    fs::create_directory(folder.path() / "run");
    fs::create_symlink(folder / "victim", folder.path() / "run/.lock");
    check_refused(run("train", endless()), "/.lock is no plain file");
    CHECK_FALSE(fs::exists(folder.path() / "victim"));
    fs::remove(folder / "run/.lock");
    REQUIRE(::mkfifo((folder / "run/.lock").c_str(), 0600) == 0);
    check_refused(run("train", endless()), "/.lock is no plain file");
}

}  // namespace
}  // namespace vitrine::tests

// The program report: where the page goes, what is left out, and what is said.

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <filesystem>

#include "tests/error_of.h"
#include "tests/tools/program.h"
#include "tests/tools/report_support.h"

namespace vitrine::tests {
namespace {

namespace fs = std::filesystem;

TEST_CASE(
    "report: the program writes one run's page into its folder, and compares several where it is told") {
    const TemporaryFolder folder;
    write_text(folder / "a/run/metrics.jsonl", "{\"epoch\": 1, \"val_accuracy\": 0.5}\n");
    write_text(folder / "b/run/metrics.jsonl", "{\"epoch\": 1, \"val_accuracy\": 0.6}\n");
    Outcome outcome = run("report", {folder / "a/run/"});
    CHECK(outcome.code == 0);
    CHECK(outcome.err.empty());
    CHECK(outcome.last_line() == folder / "a/run/report.html");
    CHECK(data_of(content_of(folder / "a/run/report.html"))["runs"].size() == 1);

    outcome = run("report", {folder / "a/run", folder / "b/run", "--out", folder / "both.html"});
    CHECK(outcome.code == 0);
    const Json runs = data_of(content_of(folder / "both.html"))["runs"];
    REQUIRE(runs.size() == 2);
    CHECK(runs[0]["name"] == folder / "a/run");  // both are called run
    CHECK(runs[1]["name"] == folder / "b/run");
}

TEST_CASE("report: what is no run is refused in one sentence") {
    const TemporaryFolder folder;
    Outcome outcome = run("report", {folder / "nowhere"});
    CHECK(outcome.code == 2);
    CHECK(outcome.err ==
          "report: " + (folder / "nowhere") + ": there is no such folder; the folder of a run is needed\n");
    outcome = run("report", {folder.path().string()});
    CHECK(outcome.code == 2);
    CHECK(outcome.err == "report: " + folder.path().string() +
                             ": no run is there, for it holds neither run.json nor metrics.jsonl\n");
    CHECK(run("report", {}).code == 2);
    write_text(folder / "run.json", "{}");
    CHECK(run("report", {folder.path().string(), "--out", folder / "no/such/page.html"}).code == 2);
}

TEST_CASE("report: a run of which nothing can be read is refused, with what stands in the way") {
    const TemporaryFolder folder;
    write_text(folder / "run.json", "{\"model\":");
    write_text(folder / "metrics.jsonl", "nonsense\n");
    Outcome outcome = run("report", {folder.path().string()});
    CHECK(outcome.code == 2);
    CHECK(outcome.err == "report: " + folder.path().string() +
                             ": nothing of the run can be read: run.json; metrics.jsonl, line 1\n");
    write_text(folder / "metrics.jsonl", "nonsense\n{\"epoch\": 1}\n");
    CHECK(run("report", {folder.path().string()}).code == 0);
    fs::remove(folder / "run.json");
    write_text(folder / "metrics.jsonl", "");
    outcome = run("report", {folder.path().string()});
    CHECK(outcome.code == 2);
    CHECK(contains(outcome.err, "nothing of the run can be read, for its files are empty"));
}

TEST_CASE("report: of all that a folder holds, what is no run is left out, and named") {
    const TemporaryFolder folder;
    const fs::path runs = folder.path() / "runs";
    write_text(runs / "a/run.json", "{\"model\": \"m\"}");
    write_text(runs / "b/metrics.jsonl", "{\"epoch\": 1}\n");
    write_text(runs / "damaged/run.json", "{");
    write_text(runs / "images/cat/1.png", "");
    write_text(runs / "notes.txt", "notes");
    fs::create_directory_symlink("nowhere", runs / "dangling");
    fs::create_directory_symlink("a", runs / "again");
    const std::string page = (runs / "all.html").string();
    const Outcome outcome =
        run_script(fmt::format("cd '{}' && report runs/* --out '{}'", folder.path().string(), page));
    CHECK(outcome.code == 0);
    CHECK(outcome.last_line() == page);
    const Json data = data_of(content_of(page));
    REQUIRE(data["runs"].size() == 2);
    CHECK(data["runs"][0]["name"] == "a");
    CHECK(data["runs"][1]["name"] == "b");
    for (const char* sentence :
         {"report: runs/again: this run was named before; left out\n",
          "report: runs/damaged: nothing of the run can be read: run.json; left out\n",
          "report: runs/dangling: there is no such folder; the folder of a run is needed; left out\n",
          "report: runs/images: no run is there, for it holds neither run.json nor metrics.jsonl; left out\n",
          "report: runs/notes.txt: this is no folder; the folder of a run is needed; left out\n"}) {
        CAPTURE(sentence);
        CHECK(contains(outcome.err, sentence));
    }

    // The page itself is among what was named now, and is written again.
    CHECK(run_script(fmt::format("cd '{}' && report runs/* --out runs/all.html", folder.path().string()))
              .code == 0);
    // Anything else that was named is not overwritten.
    const Outcome refused =
        run_script(fmt::format("cd '{}' && report runs/* --out runs/notes.txt", folder.path().string()));
    CHECK(refused.code == 2);
    CHECK(content_of(runs / "notes.txt") == "notes");

    fs::remove_all(runs / "b");
    const Outcome one = run_script(fmt::format("cd '{}' && report runs/*", folder.path().string()));
    CHECK(one.code == 0);
    CHECK(one.last_line() == "runs/a/report.html");  // the page of the only run that is left
    fs::remove_all(runs / "a");
    const Outcome none = run_script(fmt::format("cd '{}' && report runs/*", folder.path().string()));
    CHECK(none.code == 2);
    CHECK(contains(none.err, "report: none of the 6 that were named is a run\n"));
    CHECK_FALSE(contains(none.err, "internal"));
}

TEST_CASE("report: --help has examples, what happens to what is no run, and the exit codes") {
    const Outcome outcome = run("report", {"--help"});
    CHECK(outcome.code == 0);
    for (const char* part : {"report runs/*", "--out FILE", "Exit codes:", "left out", "seed"}) {
        CAPTURE(part);
        CHECK(contains(outcome.out, part));
    }
    for (const std::string& line : outcome.lines()) CHECK(line.size() <= 125);
}

}  // namespace
}  // namespace vitrine::tests

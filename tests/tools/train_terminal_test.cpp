// What train shows on a terminal, whatever its width, and what of that goes into a pipe.

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fstream>

#include "tests/tools/terminal.h"
#include "tools/common/text_layout.h"

namespace vitrine::tests {
namespace {

namespace fs = std::filesystem;

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

/// A run with everything that there is to say: averaged weights, mixed batches, two phases with long names.
struct Fixture {
    Fixture() {
        write_colours(folder.path() / "data");
        std::ofstream(folder / "recipe.toml") << R"(
[data]
image_size = 16
[transforms]
augment = [ { op = "random_horizontal_flip" }, { op = "color_jitter", brightness = 0.4 }, { op = "random_crop", size = 16, padding = 2 } ]
batch = { mixup = 0.2 }
[training]
batch_size = 20
ema_decay = 0.9
[[phase]]
name = "初めの段階"
epochs = 1
[[phase]]
name = "the second phase"
epochs = 1
)";
    }
    std::vector<std::string> arguments(const std::string& out, std::vector<std::string> more = {}) const {
        std::vector<std::string> all{
            folder / "recipe.toml", "--data", folder / "data", "--threads", "1", "--out", folder / out};
        all.insert(all.end(), more.begin(), more.end());
        return all;
    }

    TemporaryFolder folder;
};

/// A path is never broken where somebody may want to open it, nor is the last line.
bool may_be_long(const std::string& line) {
    const bool path = line.starts_with("/") && !has(line, " ");
    return path || line.starts_with("best val_accuracy ") || line.starts_with("no epoch was finished");
}

TEST_CASE_FIXTURE(Fixture, "train: on a terminal no line is wider than it, and each field is whole") {
    for (const int columns : {20, 33, 80, 132, 300}) {
        CAPTURE(columns);
        const std::string out = fmt::format("写真-é-{}", columns);
        const Outcome outcome = Terminal("train", arguments(out), columns).wait();
        CHECK(outcome.code == 0);
        for (const std::string& line : lines_shown(outcome.out)) {
            CAPTURE(line);
            CHECK((tools::columns_of(line) <= static_cast<size_t>(columns) || may_be_long(line)));
        }
        const std::vector<std::string> lines = lines_shown(outcome.out);
        CHECK(lines.back().starts_with("best val_accuracy "));
        // What does not fit into a line is on another.
        for (const char* field : {"train_loss ", "val_top5 ", ":0", " images/s", "averaged (judged)"})
            CHECK(std::ranges::any_of(lines, [&](const std::string& line) { return has(line, field); }));
    }
}

TEST_CASE_FIXTURE(Fixture,
                  "train: 80 columns hold time left, images/s and data share, and the paths to open") {
    const Outcome outcome = Terminal("train", arguments("run"), 80).wait();
    CHECK(outcome.code == 0);
    const std::vector<std::string> lines = lines_shown(outcome.out);
    const auto count = [&](const std::vector<std::string>& parts) {
        return std::ranges::count_if(lines, [&](const std::string& line) {
            return std::ranges::all_of(parts, [&](const std::string& part) { return has(line, part); });
        });
    };
    CHECK(count({"epoch 1/2  ", "%  left 0:0", "  loss ", " images/s  data ", "%  acc "}) >= 1);
    CHECK(count({"epoch 1/2  train_loss ", "train_accuracy ", " with validation"}) == 1);
    CHECK(count({"      averaged (judged)  val_loss ", "val_accuracy "}) == 2);
    CHECK(count({"train_accuracy counts the stronger label of mixed images"}) == 1);
    for (const char* file : {"report.html", "best.safetensors"}) {
        const auto found =
            std::ranges::find_if(lines, [&](const std::string& line) { return has(line, file); });
        REQUIRE(found != lines.end());
        const size_t begin = found->find('/');
        REQUIRE(begin != std::string::npos);
        CHECK(fs::exists(found->substr(begin, found->find(file) + std::string(file).size() - begin)));
    }
    CHECK(count({"best.safetensors", "(averaged weights)"}) + count({"            (averaged weights)"}) == 1);
}

TEST_CASE_FIXTURE(Fixture, "train: a terminal that is made narrower, COLUMNS, and one that cannot go back") {
    Terminal resized("train", arguments("resized", {"--set", "phase.1.epochs=100000"}), 120);
    const auto has_bar = [](const std::string& printed) { return has(printed, "[=") || has(printed, "[>"); };
    REQUIRE(resized.read_until(has_bar));
    resized.send(SIGSTOP);
    // What it was about to print when it was stopped is of the old width: an epoch's lines at most.
    const size_t seen = lines_shown(resized.read_all_there_is()).size() + 4;
    resized.resize(40);
    resized.send(SIGCONT);
    REQUIRE(resized.read_until(
        [&](const std::string& printed) { return lines_shown(printed).size() > seen + 20; }));
    resized.send(SIGTERM);
    const Outcome outcome = resized.wait();
    CHECK(outcome.code == 143);
    const std::vector<std::string> lines = lines_shown(outcome.out);
    for (size_t i = seen; i < lines.size(); ++i) {
        CAPTURE(lines[i]);
        CHECK((tools::columns_of(lines[i]) <= 40 || may_be_long(lines[i])));
    }

    const Outcome told = Terminal("train", arguments("told"), 300, {{"COLUMNS", "50"}}).wait();
    for (const std::string& line : lines_shown(told.out))
        CHECK((tools::columns_of(line) <= 50 || may_be_long(line)));
    const Outcome unknown = Terminal("train", arguments("unknown"), 0).wait();
    for (const std::string& line : lines_shown(unknown.out))
        CHECK((tools::columns_of(line) <= 80 || may_be_long(line)));

    const Outcome dumb = Terminal("train", arguments("dumb"), 60, {{"TERM", "dumb"}}).wait();
    CHECK(dumb.code == 0);
    CHECK(!has(dumb.out, "\x1b"));
    CHECK(!has(dumb.out, "left "));
    for (const std::string& line : lines_shown(dumb.out))
        CHECK((tools::columns_of(line) <= 60 || may_be_long(line)));
}

TEST_CASE_FIXTURE(Fixture, "train: a pipe gets each line whole, and no progress") {
    const Outcome outcome = run("train", arguments("run"));
    CHECK(outcome.code == 0);
    CHECK(!has(outcome.out, "\x1b"));
    CHECK(!has(outcome.out, "validating"));
    const std::vector<std::string> lines = outcome.lines();
    const auto line_with = [&](const std::string& begin) {
        const auto found =
            std::ranges::find_if(lines, [&](const std::string& line) { return line.starts_with(begin); });
        return found == lines.end() ? "" : *found;
    };
    CHECK(has(line_with("training    "), "random_crop("));
    CHECK(has(line_with("phase       初めの段階, epochs 1–1: "), "weight decay"));
    for (const char* field : {"  train_loss ", "  train_accuracy ", " with validation", "  val_loss ",
                              "  val_accuracy ", "  val_top5 ", " images/s"})
        CHECK(has(line_with("epoch 2/2  "), field));
    const size_t size = lines.size();
    REQUIRE(size > 3);
    CHECK(lines[size - 3] == "report      " + folder / "run/report.html");
    CHECK(lines[size - 2] == "weights     " + folder / "run/best.safetensors" + "  (averaged weights)");
    CHECK(lines[size - 1].starts_with("best val_accuracy "));
}

}  // namespace
}  // namespace vitrine::tests

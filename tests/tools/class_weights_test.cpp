// Weights of classes in the loss, and epochs drawn by them, as a run has them.

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <map>

#include "engine/safetensors.h"
#include "tests/tools/colour_run.h"

namespace vitrine::tests {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

/// Three classes, of which the last has only 4 of 40 images.
struct UnequalRuns : ColourRuns {
    UnequalRuns() {
        const fs::path train = folder.path() / "data/train";
        std::vector<fs::path> all;
        for (const auto& entry : fs::directory_iterator(train)) all.push_back(entry.path());
        std::ranges::sort(all);
        for (const fs::path& each : all) classes.push_back(each.filename().string());
        std::vector<fs::path> files;
        for (const auto& entry : fs::directory_iterator(all.back())) files.push_back(entry.path());
        for (size_t i = 4; i < files.size(); ++i) fs::remove(files[i]);
    }

    static std::vector<std::string> with(std::vector<std::string> all, const std::vector<std::string>& more) {
        all.insert(all.end(), more.begin(), more.end());
        return all;
    }
    Outcome trained(const std::string& name, const std::vector<std::string>& more) const {
        Outcome outcome = train(name, with({"--set", "training.batch_size=12", "--epochs", "2"}, more));
        CAPTURE(outcome.err);
        REQUIRE(outcome.code == 0);
        return outcome;
    }
    Json settings(const std::string& name) const { return Json::parse(file(name, "run.json")); }
    /// "training.KEY={ "…" = first, … }"
    std::string table(const std::string& key, const std::vector<std::string>& weights) const {
        std::string text;
        for (size_t k = 0; k < weights.size(); ++k)
            text += fmt::format("{}{} = {}", k == 0 ? "" : ", ", Json(classes[k]).dump(), weights[k]);
        return fmt::format("training.{}={{ {} }}", key, text);
    }
    /// How often each image was drawn in the first `batches` batches.
    std::map<int64_t, int64_t> drawn(const std::string& name, int batches) const {
        std::map<int64_t, int64_t> times;
        for (int i = 1; i <= batches; ++i) {
            const SafeTensors batch =
                read_safetensors(path(name, fmt::format("batches/batch-{:09}.safetensors", i)));
            for (const double sample : batch.at("samples").values()) ++times[static_cast<int64_t>(sample)];
        }
        return times;
    }
    void check_same(const std::string& name, const std::string& expected) const {
        for (const char* of : {"metrics.jsonl", "steps.jsonl", "last.safetensors", "best.safetensors"}) {
            CAPTURE(of);
            CHECK(!file(expected, of).empty());
            CHECK(file(name, of) == file(expected, of));
        }
    }

    std::vector<std::string> classes;
};

TEST_CASE_FIXTURE(UnequalRuns,
                  "train: balanced weights are scikit-learn's, in run.json and in the first lines") {
    const std::vector<std::string> shown{"--data", folder / "data", "--image-size", "16",          "--epochs",
                                         "1",      "--batch-size",  "12",           "--max-steps", "1",
                                         "--out"};
    const Outcome weighted = run("train", with(shown, {folder / "loss", "--class-weights", "balanced"}));
    const Outcome drawn = run("train", with(shown, {folder / "sampler", "--sampler", "balanced"}));
    // 84 images: 40, 40 and 4 of them.
    const std::string range = fmt::format("0.7 ('{}') to 7 ('{}')", classes[0], classes[2]);
    CHECK(weighted.out.find("loss        each image counts by its class's weight, " + range +
                            "; in validation all count alike\n") != std::string::npos);
    CHECK(drawn.out.find("sampler     images are drawn with replacement by their classes' weights, " + range +
                         "\n") != std::string::npos);
    for (const Outcome& outcome : {weighted, drawn}) {
        CHECK(outcome.code == 0);
        CHECK(outcome.err.find("the classes are unequal") != std::string::npos);
        CHECK(outcome.err.find("so does training with") == std::string::npos);  // it does
    }
    const Json loss = settings("loss"), sampler = settings("sampler");
    for (const Json& weights : {loss["class_weights"], sampler["sampling_weights"]}) {
        REQUIRE(weights.size() == 3);
        CHECK(weights[0].get<double>() == doctest::Approx(84.0 / (3 * 40)));
        CHECK(weights[2].get<double>() == doctest::Approx(84.0 / (3 * 4)));
    }
    CHECK(loss["sampling_weights"].is_null());
    CHECK(sampler["class_weights"].is_null());
    CHECK(sampler["steps"] == loss["steps"]);
}

TEST_CASE_FIXTURE(
    UnequalRuns,
    "train: equal weights are no weights, to the bit; others change training and not what validation means") {
    trained("plain", {});
    trained("equal", {"--set", table("class_weights", {"3", "3", "3"})});
    check_same("equal", "plain");
    trained("weighted", {"--class-weights", "balanced"});
    CHECK(file("weighted", "last.safetensors") != file("plain", "last.safetensors"));
    // Only ratios matter.
    trained("table", {"--set", table("class_weights", {"1", "1", "10"})});
    trained("doubled", {"--set", table("class_weights", {"2", "2", "20"})});
    check_same("doubled", "table");
    // Weights that stay as they were drawn: the training loss is another mean, the validation loss the same.
    const std::vector<std::string> still{"--lr", "1e-30", "--schedule", "constant"};
    trained("still", still);
    trained("still weighted", with(still, {"--class-weights", "balanced"}));
    const Json before = lines("still", "metrics.jsonl")[0],
               after = lines("still weighted", "metrics.jsonl")[0];
    CHECK(before["train_loss"] != after["train_loss"]);
    for (const char* same : {"val_loss", "val_accuracy", "val_balanced_accuracy", "train_accuracy"})
        CHECK(before[same] == after[same]);
}

TEST_CASE_FIXTURE(UnequalRuns,
                  "train: batches whose labels all weigh nothing do not end a run, and teach it nothing") {
    // Batches of two: most have no image of the last class.
    trained("rare", {"--set", "training.batch_size=2", "--set", table("class_weights", {"0", "0", "1"})});
    int without = 0;
    for (const Json& step : lines("rare", "steps.jsonl")) {
        CHECK(std::isfinite(step["loss"].get<double>()));
        if (step["loss"] != 0.0) continue;
        ++without;
        CHECK(step["gradient_norm"] == 0.0);
    }
    CHECK(without > 50);
    // It has learnt the one class that counts.
    CHECK(lines("rare", "metrics.jsonl").back()["class_recall"][2] == 1.0);
}

TEST_CASE_FIXTURE(
    UnequalRuns,
    "train: both go on in the middle of an epoch to the same bits, with mixing, accumulation and averages") {
    std::ofstream(folder / "recipe.toml") << R"(
[model]
name = "mobilenet_v2"
width_mult = 0.25
[transforms]
augment = [ { op = "random_horizontal_flip" }, { op = "trivial_augment_wide" } ]
erasing = { p = 0.5, value = "random" }
batch = { mixup = 0.4 }
[training]
batch_size = 6
accumulate = 2
ema_decay = 0.9
label_smoothing = 0.1
class_weights = "balanced"
[[phase]]
epochs = 2
lr = 0.01
)";
    const std::vector<std::string> all{folder / "recipe.toml", "--set", table("sampler", {"1", "0", "3"})};
    const auto go = [&](const std::string& name, const std::vector<std::string>& more) {
        const Outcome outcome = train(name, with(all, more));
        CAPTURE(outcome.err);
        REQUIRE(outcome.code == 0);
    };
    go("whole", {"--dump-batches", "14"});
    for (const char* steps : {"3", "10"}) go("parts", {"--max-steps", steps});
    go("parts", {});
    check_same("parts", "whole");
    // An epoch: some images several times, others and a whole class not at all.
    const auto times = drawn("whole", 14);
    int64_t most = 0;
    for (const auto& [sample, count] : times) {
        CHECK((sample < 40 || sample >= 80));
        most = std::max(most, count);
    }
    CHECK(most > 2);
}

TEST_CASE_FIXTURE(
    UnequalRuns,
    "train: a table that does not fit the classes is refused in one sentence, before anything is written") {
    const auto refused = [&](const std::vector<std::string>& more, const std::string& sentence) {
        const Outcome outcome = train("run", more);
        CAPTURE(outcome.err);
        CAPTURE(sentence);
        CHECK(outcome.code == 2);
        CHECK(outcome.err.find(sentence) != std::string::npos);
        CHECK_FALSE(fs::exists(folder.path() / "run/run.json"));
    };
    for (const std::string key : {"class_weights", "sampler"}) {
        const std::string place = "training." + key;
        refused({"--set", place + "={ cat = 1 }"},
                fmt::format(
                    "{} names 'cat', which the data have no class of; their classes are '{}', '{}', '{}'\n",
                    place, classes[0], classes[1], classes[2]));
        refused({"--set", table(key, {"1", "2"})},
                fmt::format(
                    "{} has no weight for '{}': a table names every class, with 0 where one is to count for "
                    "nothing\n",
                    place, classes[2]));
        refused({"--set", place + "=often"}, key + " of training must be");
    }
    refused({"--class-weights", "balanced", "--sampler", "balanced"}, "makes up for unequal classes twice");
    refused({"--class-weights", "heavy"}, "--class-weights");
}

TEST_CASE_FIXTURE(
    UnequalRuns, "train: a changed sampler begins the epoch again, changed class weights hold from then on") {
    const std::vector<std::string> stopped{"--max-steps", "3"};
    trained("run", stopped);
    const Outcome refused = train("run", {"--batch-size", "12", "--epochs", "2", "--sampler", "balanced"});
    CHECK(refused.code == 2);
    CHECK(refused.err.find("training.sampler is \"balanced\" (there: \"shuffle\")") != std::string::npos);
    copy("run", "other");
    trained("run", {"--class-weights", "balanced", "--allow-changes", "--max-steps", "4"});
    CHECK(lines("run", "steps.jsonl").size() == 4);
    const Outcome again = trained("other", {"--sampler", "balanced", "--allow-changes"});
    CHECK(again.err.find("begins again") != std::string::npos);
}

}  // namespace
}  // namespace vitrine::tests

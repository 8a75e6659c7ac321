// Which runs a report takes for runs of the same data.

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "tests/error_of.h"
#include "tests/tools/colour_run.h"
#include "tests/tools/report_support.h"
#include "tools/report/data_comparison.h"

namespace vitrine::tests {
namespace {

using Numbers = std::vector<size_t>;

Json described() {
    return {{"dataset", "image folder"},
            {"data", "photos"},
            {"training_images", 80},
            {"validation_images", 20},
            {"classes", {"cat", "dog"}}};
}

Json hashed(const std::string& training, const std::string& validation, int side = 32) {
    Json run = described();
    run["image_hashes"] = {{"height", side},
                           {"width", side},
                           {"training", training},
                           {"validation", validation},
                           {"all", "all"}};
    return run;
}

report::DataComparison compared(const std::vector<Json>& all) {
    std::vector<report::RunFiles> runs;
    for (const Json& json : all) {
        runs.emplace_back();
        runs.back().name = fmt::format("run{}", runs.size());
        runs.back().run = json;
    }
    return report::compare_data(runs);
}

Json with(Json run, const char* key, Json value) {
    run[key] = std::move(value);
    return run;
}

TEST_CASE("report: runs without hashes are of the same data where folder, classes and numbers are the same") {
    const Json run = described();
    CHECK(compared({run, run}).warning.empty());
    CHECK(compared({run, with(run, "data", "./photos/")}).of_run == Numbers{0, 0});
    for (const auto& [key, value, what] : {std::tuple{"data", Json("other"), "the folder"},
                                           {"classes", Json{"cat", "cow"}, "the classes"},
                                           {"training_images", Json(81), "the number of training images"},
                                           {"validation_images", Json(10), "the number of validation images"},
                                           {"dataset", Json("CIFAR-10"), "the kind of data"}}) {
        CAPTURE(what);
        const report::DataComparison comparison = compared({run, with(run, key, value), run});
        CHECK(comparison.of_run == Numbers{0, 1, 0});
        CHECK(comparison.data.size() == 2);
        CHECK(contains(comparison.warning, fmt::format("what differs is {}", what)));
        CHECK(contains(comparison.lists[0], "A: "));
        CHECK(contains(comparison.lists[0], " (run1, run3)"));
        CHECK(contains(comparison.lists[1], " (run2)"));
    }
}

TEST_CASE("report: hashes tell what a path and numbers cannot") {
    const Json a = hashed("t", "v");
    CHECK(compared({a, with(a, "data", "elsewhere/photos")}).of_run == Numbers{0, 0});  // they were moved
    const report::DataComparison other_split = compared({a, hashed("t2", "v2")});
    CHECK(other_split.of_run == Numbers{0, 1});
    CHECK(other_split.images_of_run == Numbers{0, 0});
    CHECK(contains(other_split.warning, "what differs is which images are held out for validation"));
    CHECK(contains(compared({a, hashed("t2", "v")}).warning, "what differs is the training images"));
    // Pixels at another size have other hashes and say nothing of whether the images are others.
    CHECK(compared({a, hashed("t3", "v3", 64)}).warning.empty());
    CHECK(compared({a, described()}).warning.empty());
    Json changed = hashed("t2", "v2");
    changed["image_hashes"]["all"] = "others";
    CHECK(compared({a, changed}).images_of_run == Numbers{0, 1});
}

TEST_CASE("report: what is not known, or is rubbish, is compared as it is") {
    CHECK(compared({Json(), Json::object()}).warning.empty());
    CHECK(compared({described(), Json::object()}).of_run == Numbers{0, 1});
    const Json rubbish = {{"classes", 3},
                          {"data", Json::array()},
                          {"dataset", nullptr},
                          {"training_images", "many"},
                          {"image_hashes", "x"}};
    CHECK(compared({rubbish, rubbish}).warning.empty());
    CHECK(compared({rubbish, hashed("t", "v")}).of_run == Numbers{0, 1});
    std::vector<Json> many;
    for (int i = 0; i < 30; ++i) many.push_back(with(described(), "data", fmt::format("photos{}", i)));
    const report::DataComparison comparison = compared(many);
    CHECK(comparison.data[25].letter == "Z");
    CHECK(comparison.data[26].letter == "27");
}

TEST_CASE_FIXTURE(ColourRuns, "report: runs of train on the same images are, on others are not") {
    write_colours(folder.path() / "other");
    std::filesystem::remove_all(folder.path() / "other/train/wood");
    std::filesystem::remove_all(folder.path() / "other/val/wood");
    std::filesystem::create_directory_symlink("data", folder.path() / "link");
    const std::vector<std::string> quick{"--max-steps", "1", "--batch-size", "20"};
    const auto train_with = [&](const std::string& name, std::vector<std::string> more) {
        more.insert(more.end(), quick.begin(), quick.end());
        const Outcome outcome = train(name, more);
        CAPTURE(outcome.err);
        REQUIRE(outcome.code == 0);
    };
    train_with("plain", {});
    train_with("seed", {"--seed", "1"});
    train_with("part", {"--subset", "0.5"});
    const auto train_on = [&](const std::string& data, const std::string& name) {
        REQUIRE(run("train", {"--data", folder / data, "--image-size", "16", "--threads", "1", "--quiet",
                              "--max-steps", "1", "--batch-size", "20", "--out", folder / name})
                    .code == 0);
    };
    train_on("link", "linked");
    train_on("other", "fewer");
    const Outcome same =
        run("report", {folder / "plain", folder / "seed", folder / "linked", "--out", folder / "same.html"});
    CHECK(same.code == 0);
    CHECK(same.err.empty());
    CHECK(data_of(content_of(folder / "same.html"))["data"]["of"] == Json{0, 0, 0});
    const Outcome others =
        run("report", {folder / "plain", folder / "fewer", folder / "part", "--out", folder / "others.html"});
    CHECK(others.code == 0);
    CHECK(contains(others.err, "report: These runs are not of the same data"));
    CHECK(data_of(content_of(folder / "others.html"))["data"]["of"] == Json{0, 1, 2});
}

TEST_CASE_FIXTURE(ColourRuns, "train: validation.json tells of the epoch that is kept as best") {
    // A learning rate that makes later epochs worse than the first ones.
    REQUIRE(
        train("run", {"--epochs", "6", "--batch-size", "20", "--lr", "0.5", "--schedule", "constant"}).code ==
        0);
    const auto epochs = lines("run", "metrics.jsonl");
    const Json* best = &epochs[0];
    for (const Json& epoch : epochs) {
        if (epoch["val_accuracy"].get<double>() > (*best)["val_accuracy"].get<double>()) best = &epoch;
    }
    const Json validation = Json::parse(file("run", "validation.json"));
    CHECK(validation["epoch"] == (*best)["epoch"]);
    CHECK((*best)["epoch"] != epochs.back()["epoch"]);
    double right = 0.0, all = 0.0;
    for (const Json& each : validation["worst_classes"]) {
        right += each["accuracy"].get<double>() * each["images"].get<double>();
        all += each["images"].get<double>();
    }
    CHECK(right / all == doctest::Approx((*best)["val_accuracy"].get<double>()));
}

}  // namespace
}  // namespace vitrine::tests

// Unequal classes: what is said of them, and scores in which each counts alike.

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>

#include "tests/tools/program.h"

namespace vitrine::tests {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

TEST_CASE("train: a set of unequal classes is said to be one, and measured by each class") {
    const TemporaryFolder folder;
    write_colours(folder.path() / "data");
    const fs::path train = folder.path() / "data/train";
    const auto of_run = [&](const std::string& name) {
        const Outcome outcome = run("train", {"--data", folder / "data", "--image-size", "16", "--epochs",
                                              "1", "--batch-size", "12", "--out", folder / name});
        CAPTURE(outcome.err);
        REQUIRE(outcome.code == 0);
        return outcome.out + outcome.err;
    };
    CHECK(of_run("equal").find("unequal") == std::string::npos);
    // Of one class four of forty images stay: ten times as many is where it begins.
    fs::path small;
    for (const auto& entry : fs::directory_iterator(train)) small = std::max(small, entry.path());
    std::vector<fs::path> files;
    for (const auto& entry : fs::directory_iterator(small)) files.push_back(entry.path());
    for (size_t i = 4; i < files.size(); ++i) fs::remove(files[i]);
    const std::string said = of_run("unequal");
    CHECK(said.find("the classes are unequal: '") != std::string::npos);
    CHECK(said.find(fmt::format(
              "has 40 training images, '{}' 4; val_balanced_accuracy counts each class alike, and "
              "so does training with --class-weights balanced or --sampler balanced\n",
              small.filename().string())) != std::string::npos);
    for (const char* name : {"equal", "unequal"}) {
        const Json line = Json::parse(content_of(fs::path(folder / name) / "metrics.jsonl"));
        double sum = 0.0;
        for (const Json& recall : line["class_recall"]) sum += recall.get<double>();
        CHECK(line["class_recall"].size() == 3);
        CHECK(line["class_precision"].size() == 3);
        CHECK(line["val_balanced_accuracy"].get<double>() == doctest::Approx(sum / 3.0));
        // Twelve validation images of each class.
        CHECK(line["val_balanced_accuracy"].get<double>() ==
              doctest::Approx(line["val_accuracy"].get<double>()));
        const Json validation = Json::parse(content_of(fs::path(folder / name) / "validation.json"));
        CHECK(validation["per_class"]["recall"] == line["class_recall"]);
        CHECK(validation["per_class"]["images"] == Json({12, 12, 12}));
    }
}

TEST_CASE(
    "train: precision and recall of each class are those of its predictions, and null where there are none") {
    const TemporaryFolder folder;
    write_colours(folder.path() / "data");
    const std::vector<std::string> arguments{
        "--data",   folder / "data", "--image-size", "16",    "--batch-size", "12",      "--schedule",
        "constant", "--lr",          "0.0001",       "--out", folder / "run", "--epochs"};
    const auto trained = [&](const std::vector<std::string>& more) {
        std::vector<std::string> words = arguments;
        words.insert(words.end(), more.begin(), more.end());
        const Outcome outcome = run("train", words);
        CAPTURE(outcome.err);
        REQUIRE(outcome.code == 0);
    };
    trained({"1"});
    const Json settings = Json::parse(content_of(folder / "run/run.json"));
    const std::vector<std::string> classes = settings["classes"];
    // Counted anew, from what predict says.
    const Outcome predicted = run("predict", {folder / "run/last.safetensors", folder / "data/val"});
    REQUIRE(predicted.code == 0);
    std::map<std::string, double> right, images, answers;
    for (const std::string& line : predicted.lines()) {
        const size_t tab = line.find('\t');
        const std::string label = fs::path(line.substr(0, tab)).parent_path().filename();
        const std::string answer = line.substr(tab + 1, line.rfind('\t') - tab - 1);
        ++images[label];
        ++answers[answer];
        right[label] += label == answer;
    }
    const Json line = Json::parse(content_of(folder / "run/metrics.jsonl"));
    for (size_t i = 0; i < classes.size(); ++i) {
        CAPTURE(classes[i]);
        CHECK(line["class_recall"][i].get<double>() ==
              doctest::Approx(right[classes[i]] / images[classes[i]]));
        if (answers[classes[i]] == 0.0) {
            CHECK(line["class_precision"][i].is_null());
        } else {
            CHECK(line["class_precision"][i].get<double>() ==
                  doctest::Approx(right[classes[i]] / answers[classes[i]]));
        }
    }
    // The nulls are read when the run goes on.
    trained({"2", "--allow-changes"});
}

}  // namespace
}  // namespace vitrine::tests

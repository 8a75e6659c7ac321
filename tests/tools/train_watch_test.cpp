// train --watch: the same bits as without, figures that agree with one another, and a file that goes on.

#include <doctest/doctest.h>

#include <cmath>
#include <filesystem>
#include <fstream>

#include "engine/safetensors.h"
#include "tests/tools/colour_run.h"

namespace vitrine::tests {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

/// Places in watch.jsonl.
enum LayerFigure { mean, deviation, zeros, saturated, dead, layer_gradient };
enum ParameterFigure { value, gradient, update };

struct Fixture : ColourRuns {
    Outcome watched(const std::string& name, std::vector<std::string> more) const {
        const std::vector<std::string> usual{"--model",      "mobilenet_v2", "--width-mult", "0.25",
                                             "--batch-size", "20",           "--schedule",   "constant",
                                             "--lr",         "0.02",         "--epochs",     "2"};
        more.insert(more.end(), usual.begin(), usual.end());
        Outcome outcome = train(name, more);
        CAPTURE(outcome.err);
        REQUIRE(outcome.code == 0);
        return outcome;
    }
    /// What a checkpoint computes with: all but its recipe, which says how often was watched.
    void check_same_numbers(const fs::path& a, const fs::path& b) const {
        const SafeTensors first = read_safetensors(a), second = read_safetensors(b);
        REQUIRE(first.tensors.size() == second.tensors.size());
        for (size_t i = 0; i < first.tensors.size(); ++i) {
            CAPTURE(first.tensors[i].name);
            CHECK(first.tensors[i].name == second.tensors[i].name);
            CHECK(first.tensors[i].bytes == second.tensors[i].bytes);
        }
    }
    static double norm_of_all(const Json& line, int figure) {
        double squares = 0.0;
        for (const char* group : {"weights", "norms_and_biases"}) {
            for (const Json& row : line.at(group))
                squares += row[figure].get<double>() * row[figure].get<double>();
        }
        return std::sqrt(squares);
    }
};

TEST_CASE_FIXTURE(Fixture, "train --watch: a run computes the same bits, watched or not, fused or not") {
    for (const char* fusion : {"on", "off"}) {
        const std::string plain = std::string("plain-") + fusion, seen = std::string("seen-") + fusion;
        watched(plain, {"--fusion", fusion});
        watched(seen, {"--fusion", fusion, "--watch", "5"});
        for (const char* of : {"metrics.jsonl", "steps.jsonl", "last.safetensors", "best.safetensors"}) {
            CAPTURE(of);
            CHECK(!file(plain, of).empty());
            CHECK(file(plain, of) == file(seen, of));
        }
        CHECK_FALSE(fs::exists(path(plain, "watch.jsonl")));
        const fs::path newest = fs::path("checkpoints") / "step-000000012.safetensors";
        check_same_numbers(path(plain, newest), path(seen, newest));
        std::vector<int64_t> steps;
        for (const Json& line : lines(seen, "watch.jsonl")) steps.push_back(line["step"]);
        CHECK(steps == std::vector<int64_t>{1, 5, 10});
    }
    // What a convolution reads through a pending norm is what the passes make, and the parameters' figures are alike.
    const Json on = lines("seen-on", "watch.jsonl").front(), off = lines("seen-off", "watch.jsonl").front();
    int compared = 0;
    for (const auto& [name, row] : off["layers"].items()) {
        if (!name.ends_with(" relu6")) continue;
        std::string norm = name.substr(0, name.find(' '));
        norm.back() = static_cast<char>(norm.back() - 1);
        const auto fused = on["layers"].find(norm + " normalize+relu6");
        if (fused == on["layers"].end()) continue;
        CAPTURE(name);
        ++compared;
        for (const int figure : {mean, deviation, zeros})
            CHECK((*fused)[figure].get<double>() == doctest::Approx(row[figure].get<double>()).epsilon(0.01));
    }
    CHECK(compared > 20);
    for (const int figure : {value, gradient, update})
        CHECK(norm_of_all(on, figure) == doctest::Approx(norm_of_all(off, figure)).epsilon(0.01));
    CHECK(on["weights"].size() == 53);
    CHECK(on["norms_and_biases"].size() == 105);
}

/// Images of 64 pixels, of which the first expansion is not written.
TEST_CASE_FIXTURE(Fixture, "train --watch: rows are the same where a convolution's output is not written") {
    const std::vector<std::string> large{"--set", "data.image_size=64", "--max-steps", "2"};
    for (const char* fusion : {"on", "written"}) {
        std::vector<std::string> options = large;
        options.insert(options.end(), {"--fusion", fusion});
        if (fusion == std::string("on")) watched("plain", options);
        options.insert(options.end(), {"--watch", "1"});
        watched(fusion, options);
    }
    CHECK(!file("plain", "steps.jsonl").empty());
    CHECK(file("plain", "steps.jsonl") == file("on", "steps.jsonl"));
    const fs::path newest = fs::path("checkpoints") / "step-000000002.safetensors";
    check_same_numbers(path("plain", newest), path("on", newest));

    const Json on = lines("on", "watch.jsonl").front()["layers"],
               written = lines("written", "watch.jsonl").front()["layers"];
    REQUIRE(on.size() == written.size());
    int unknown = 0;
    for (auto row = on.begin(), other = written.begin(); row != on.end(); ++row, ++other) {
        CAPTURE(row.key());
        CHECK(row.key() == other.key());
        for (int figure = mean; figure <= layer_gradient; ++figure) {
            const Json &value = (*row)[figure], &expected = (*other)[figure];
            if (figure == layer_gradient && value.is_null() && !expected.is_null()) {
                ++unknown;
                CHECK(row.key() == "features.2.conv.0.0 pointwise_conv");
            } else if (expected.is_null()) {
                CHECK(value.is_null());
            } else {
                CHECK(value.get<double>() == doctest::Approx(expected.get<double>()).epsilon(0.01));
            }
        }
    }
    CHECK(unknown == 1);
}

TEST_CASE_FIXTURE(Fixture, "train --watch: gradients are those of the update, also of several batches") {
    // Without momentum or decay an update is the gradient times the rate.
    watched("run", {"--watch", "1", "--momentum", "0", "--weight-decay", "0", "--set",
                    "training.batch_size=10", "--set", "training.accumulate=2"});
    const std::vector<Json> steps = lines("run", "steps.jsonl"), seen = lines("run", "watch.jsonl");
    REQUIRE(seen.size() == steps.size());
    for (size_t i = 0; i < seen.size(); ++i) {
        const double norm = norm_of_all(seen[i], gradient);
        CHECK(norm == doctest::Approx(steps[i]["gradient_norm"].get<double>()).epsilon(0.002));
        CHECK(norm_of_all(seen[i], update) == doctest::Approx(0.02 * norm).epsilon(0.002));
        CHECK(seen[i]["epoch"] == steps[i]["epoch"]);
    }
    const Json layers = seen.front()["layers"];
    CHECK(layers.at("features.0.0 dense_conv")[zeros]
              .is_null());  // left by the convolution itself: its moments
    CHECK(layers.at("features.0.0 dense_conv")[layer_gradient].get<double>() > 0.0);
    CHECK(layers.at("classifier.1 linear")[deviation].get<double>() > 0.0);
}

TEST_CASE_FIXTURE(Fixture, "train --watch: a run that goes on repeats no line, and another keeps none") {
    watched("whole", {"--watch", "2"});
    watched("parts", {"--watch", "2", "--max-steps", "5", "--set", "training.checkpoint_minutes=0"});
    // As after a kill: steps that no checkpoint knows, and the beginning of a line.
    std::ofstream(path("parts", "watch.jsonl"), std::ios::app) << "{\"step\":6}\n{\"step\":8}\n{\"st";
    watched("parts", {"--watch", "2", "--set", "training.checkpoint_minutes=0"});
    CHECK(file("parts", "watch.jsonl") == file("whole", "watch.jsonl"));

    watched("whole", {"--overwrite"});
    CHECK_FALSE(fs::exists(path("whole", "watch.jsonl")));
}

}  // namespace
}  // namespace vitrine::tests

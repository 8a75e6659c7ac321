// A checkpoint whose checksum fits may still lie: each of its counters is compared with the recipe and the
// logs.

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <functional>

#include "engine/safetensors.h"
#include "tests/tools/colour_run.h"
#include "tests/tools/sealed.h"

namespace vitrine::tests {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

struct Fixture : ColourRuns {
    Fixture() {
        REQUIRE(train("honest", {"--batch-size", "20", "--epochs", "3", "--max-steps", "9"}).code == 0);
        checkpoint = read_safetensors(path("honest", newest));
        SafeTensors sealed = checkpoint;
        seal(sealed);
        REQUIRE(checkpoint.metadata.at("checksum") == sealed.metadata.at("checksum"));
        fs::copy(folder.path() / "honest", folder.path() / "run", fs::copy_options::recursive);
    }
    Outcome go_on() const {
        return train("run", {"--batch-size", "20", "--epochs", "3", "--max-steps", "10"});
    }

    /// Exit code 2 and one sentence that names the checkpoint; nothing is written.
    void check_refused(const std::function<void(SafeTensors&)>& forge) const {
        SafeTensors forged = checkpoint;
        forge(forged);
        seal(forged);
        write_safetensors(path("run", newest), forged);
        const std::string weights = file("run", "last.safetensors"), metrics = file("run", "metrics.jsonl");
        const Outcome outcome = go_on();
        CAPTURE(forged.metadata.at("progress"));
        CAPTURE(outcome.err);
        CHECK(outcome.code == 2);
        CHECK(outcome.err.starts_with("train: "));
        CHECK(outcome.err.find(newest) != std::string::npos);
        CHECK(std::ranges::count(outcome.err, '\n') == 1);
        CHECK(file("run", "last.safetensors") == weights);
        CHECK(file("run", "metrics.jsonl") == metrics);
    }
    void check_counter(const std::string& pointer, const Json& value) const {
        check_refused([&](SafeTensors& forged) {
            Json progress = Json::parse(forged.metadata.at("progress"));
            REQUIRE(progress.contains(Json::json_pointer(pointer)));
            REQUIRE(progress[Json::json_pointer(pointer)] != value);
            progress[Json::json_pointer(pointer)] = value;
            forged.metadata["progress"] = progress.dump();
        });
    }

    const std::string newest = "checkpoints/step-000000009.safetensors";
    SafeTensors checkpoint;
};

TEST_CASE_FIXTURE(Fixture, "train: a checkpoint's counters are not believed") {
    const int64_t largest = std::numeric_limits<int64_t>::max(),
                  smallest = std::numeric_limits<int64_t>::min();
    for (const char* counter : {"/epoch", "/batch", "/batches_per_epoch", "/step", "/skipped_steps",
                                "/scores/0", "/scores/1", "/scores/2", "/logged_loss/1"}) {
        for (const Json& value :
             std::initializer_list<Json>{-1, largest, smallest, 1e300, 1.5, "3", nullptr,
                                         std::numeric_limits<uint64_t>::max(), Json::array()})
            check_counter(counter, value);
    }
    for (const char* number : {"/last_setting/0", "/last_setting/1", "/scores/3", "/usual_norm"}) {
        for (const Json& value : std::initializer_list<Json>{-1.0, "3", nullptr, Json::object()})
            check_counter(number, value);
    }
    for (const auto& [counter, value] :
         std::initializer_list<std::pair<const char*, Json>>{{"/epoch", 0},
                                                             {"/epoch", 2},
                                                             {"/batch", 2},
                                                             {"/batch", 7},
                                                             {"/step", 8},
                                                             {"/batches_per_epoch", 7},
                                                             {"/scores/0", 59},
                                                             {"/scores/1", 61},
                                                             {"/last_setting/1", 1.0},
                                                             {"/phase_ends", Json::array({1})},
                                                             {"/phase_ends", Json::array({-1})},
                                                             {"/phase_ends", Json::array({0})},
                                                             {"/phase_ends", Json::array({largest})},
                                                             {"/phase_ends", Json::array({1, 1})},
                                                             {"/phase_ends", 0},
                                                             {"/recent_bests", Json::array({-1})},
                                                             {"/recent_bests", Json::array({2})},
                                                             {"/recent_bests", Json::array({1e300})},
                                                             {"/recent_bests", std::vector<int>(1001, 1)}})
        check_counter(counter, value);
}

TEST_CASE_FIXTURE(Fixture,
                  "train: a checkpoint with other keys, another recipe or another scheduler is refused") {
    check_refused([](SafeTensors& forged) { forged.metadata["progress"] = "{}"; });
    check_refused([](SafeTensors& forged) { forged.metadata["progress"] = "[1"; });
    check_refused([](SafeTensors& forged) { forged.metadata["progress"] = std::string(100'000, '['); });
    check_refused([](SafeTensors& forged) {
        Json progress = Json::parse(forged.metadata.at("progress"));
        progress["phase"] = -1;
        forged.metadata["progress"] = progress.dump();
    });
    check_refused([](SafeTensors& forged) { forged.metadata["recipe"] = "seed = -1"; });
    check_refused([](SafeTensors& forged) { forged.metadata["recipe"] = "no recipe"; });
    check_refused([](SafeTensors& forged) { forged.metadata.erase("recipe"); });
    const auto set_scheduler = [](SafeTensors& forged, std::vector<double> state) {
        for (SafeTensor& tensor : forged.tensors) {
            if (tensor.name == "scheduler")
                tensor = SafeTensor::f64("scheduler", {static_cast<int64_t>(state.size())}, state);
        }
    };
    const std::vector<double> honest = checkpoint.at("scheduler").values();
    check_refused([&](SafeTensors& forged) { set_scheduler(forged, {}); });
    check_refused(
        [&](SafeTensors& forged) { set_scheduler(forged, std::vector<double>(honest.size() + 1)); });
    for (size_t i = 0; i < honest.size(); ++i) {
        for (const double value : {honest[i] + 1.0, -1e300, std::numeric_limits<double>::quiet_NaN(),
                                   std::numeric_limits<double>::infinity()}) {
            std::vector<double> state = honest;
            state[i] = value;
            check_refused([&](SafeTensors& forged) { set_scheduler(forged, state); });
        }
    }
    check_refused([](SafeTensors& forged) {
        SafeTensor& weights = forged.tensors.front();
        std::fill(weights.bytes.begin(), weights.bytes.end(), '\xff');  // not a number
    });
}

TEST_CASE_FIXTURE(Fixture,
                  "train: logs that are not those of the checkpoint are refused, and an honest one goes on") {
    const auto refused_with = [&](const std::string& log, const std::string& content) {
        const std::string honest = file("run", log);
        std::ofstream(path("run", log)) << content;
        const Outcome outcome = go_on();
        CAPTURE(outcome.err);
        CHECK(outcome.code == 2);
        CHECK(outcome.err.find(log) != std::string::npos);
        CHECK(std::ranges::count(outcome.err, '\n') == 1);
        std::ofstream(path("run", log)) << honest;
    };
    refused_with("metrics.jsonl", "");
    refused_with("metrics.jsonl", "{}\n");
    refused_with("metrics.jsonl", "nothing\n");
    refused_with("timing.jsonl", "");
    const auto edited = [&](const char* key, const Json& value) {
        Json line = lines("run", "metrics.jsonl").front();
        line[key] = value;
        return line.dump() + "\n";
    };
    refused_with("metrics.jsonl", edited("epoch", 2));
    refused_with("metrics.jsonl", edited("epoch", 1e300));
    refused_with("metrics.jsonl", edited("phase", "another"));

    // More lines than the checkpoint knows are what a killed run leaves.
    std::ofstream(path("run", "metrics.jsonl"), std::ios::app) << edited("epoch", 2) << "{\"epo";
    std::ofstream(path("run", "steps.jsonl"), std::ios::app) << "{\"step\":10}\n\n{";
    const Outcome outcome = go_on();
    CAPTURE(outcome.err);
    CHECK(outcome.code == 0);
    CHECK(lines("run", "metrics.jsonl").size() == 1);
    CHECK(lines("run", "steps.jsonl").size() == 10);
}

}  // namespace
}  // namespace vitrine::tests

// Batches in shards (training.shards): a run goes on to the same bits, and batches that cannot be divided are refused.

#include <doctest/doctest.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "engine/safetensors.h"
#include "tests/tools/colour_run.h"

namespace vitrine::tests {
namespace {

namespace fs = std::filesystem;

/// Whatever has a state of its own.
const std::vector<std::string> mixed = [] {
    std::vector<std::string> all{
        "--model", "mobilenet_v2", "--width-mult", "0.25", "--batch-size", "12", "--epochs", "2", "--watch",
        "3"};
    for (const char* setting : {"training.accumulate=2", "training.ema_decay=0.9", "training.clip_norm=1.0",
                                "training.checkpoint_minutes=0", "transforms.batch={ mixup = 0.4 }"})
        all.insert(all.end(), {"--set", setting});
    return all;
}();

std::vector<std::string> with(std::vector<std::string> all, const std::vector<std::string>& more) {
    all.insert(all.end(), more.begin(), more.end());
    return all;
}

TEST_CASE("a run in shards goes on to the same bits, and they are not those of whole batches") {
    const ColourRuns runs;
    const std::vector<std::string> sharded = with(mixed, {"--set", "training.shards=3"});
    REQUIRE(runs.train("whole", sharded).code == 0);
    for (const char* steps : {"1", "3", "4"})
        REQUIRE(runs.train("parts", with(sharded, {"--max-steps", steps})).code == 0);
    REQUIRE(runs.train("parts", sharded).code == 0);
    REQUIRE(runs.train("one", with(mixed, {"--set", "training.shards=1"})).code == 0);
    REQUIRE(runs.train("default", mixed).code == 0);
    for (const char* of :
         {"metrics.jsonl", "steps.jsonl", "watch.jsonl", "last.safetensors", "best.safetensors"}) {
        CAPTURE(of);
        CHECK(!runs.file("whole", of).empty());
        CHECK(runs.file("parts", of) == runs.file("whole", of));
        CHECK(runs.file("default", of) == runs.file("one", of));
        CHECK(runs.file("whole", of) != runs.file("one", of));
    }
}

TEST_CASE(
    "a run with batch norm over all shards goes on to the same bits, and they are neither those of shards "
    "nor of whole batches") {
    const ColourRuns runs;
    const std::vector<std::string> sharded = with(mixed, {"--set", "training.shards=3"});
    const std::vector<std::string> together = with(sharded, {"--set", "training.sync_batch_norm=true"});
    REQUIRE(runs.train("whole", together).code == 0);
    for (const char* steps : {"1", "3", "4"})
        REQUIRE(runs.train("parts", with(together, {"--max-steps", steps})).code == 0);
    REQUIRE(runs.train("parts", together).code == 0);
    REQUIRE(runs.train("shards", sharded).code == 0);
    REQUIRE(runs.train("one", mixed).code == 0);
    for (const char* of :
         {"metrics.jsonl", "steps.jsonl", "watch.jsonl", "last.safetensors", "best.safetensors"}) {
        CAPTURE(of);
        CHECK(!runs.file("whole", of).empty());
        CHECK(runs.file("parts", of) == runs.file("whole", of));
        CHECK(runs.file("shards", of) != runs.file("whole", of));
        CHECK(runs.file("one", of) != runs.file("whole", of));
    }
    const Outcome changed = runs.train("parts", sharded);
    CHECK(changed.code == 2);
    CHECK(changed.err.find("training.sync_batch_norm") != std::string::npos);
}

TEST_CASE("a watched step with batch norm over all shards has the layers of one shard") {
    const ColourRuns runs;
    const std::vector<std::string> watched{
        "--epochs", "1",     "--batch-size",     "12", "--max-steps", "1", "--watch",
        "1",        "--set", "training.shards=3"};
    REQUIRE(runs.train("apart", watched).code == 0);
    REQUIRE(runs.train("together", with(watched, {"--set", "training.sync_batch_norm=true"})).code == 0);
    const auto layers = [&](const char* run) {
        const auto line = nlohmann::json::parse(runs.file(run, "watch.jsonl"));
        std::vector<std::string> names;
        for (const auto& [name, numbers] : line.at("layers").items()) names.push_back(name);
        return names;
    };
    CHECK(!layers("apart").empty());
    CHECK(layers("together") == layers("apart"));
}

TEST_CASE("batch norm over all shards: what does not go with it is refused in a sentence, or told") {
    const ColourRuns runs;
    const std::vector<std::string> short_run{
        "--epochs", "1", "--batch-size", "12", "--max-steps", "1", "--set", "training.sync_batch_norm=true"};
    const Outcome whole = runs.train("run", short_run);
    CHECK(whole.code == 2);
    CHECK(whole.err.find("sync_batch_norm needs shards of 2 or more") != std::string::npos);
    const std::vector<std::string> sharded = with(short_run, {"--set", "training.shards=3"});
    for (const auto& unfused : {std::vector<std::string>{"--fusion", "off"}, {"--device", "reference"}}) {
        const Outcome outcome = runs.train("run", with(sharded, unfused));
        CHECK(outcome.code == 2);
        CHECK(outcome.err.find("training.sync_batch_norm needs fused layers: choose --fusion on") !=
              std::string::npos);
    }
    CHECK_FALSE(fs::exists(runs.folder.path() / "run"));
    const Outcome graph = runs.train("run", with(sharded, {"--graph"}));
    CHECK(graph.code == 0);
    CHECK(graph.err.find("steps are not recorded as graphs (training.graph)") != std::string::npos);
}

TEST_CASE("--dump-batches writes each shard: together they are the batch in its order") {
    const ColourRuns runs;
    const std::vector<std::string> short_run{"--epochs", "1", "--batch-size", "12", "--max-steps", "1"};
    REQUIRE(runs.train("one", with(short_run, {"--dump-batches", "1"})).code == 0);
    REQUIRE(
        runs.train("three", with(short_run, {"--dump-batches", "9", "--set", "training.shards=3"})).code ==
        0);
    const auto samples = [&](const char* run, int number) {
        return read_safetensors(
                   runs.path(run, "batches/batch-00000000" + std::to_string(number) + ".safetensors"))
            .at("samples")
            .values();
    };
    std::vector<double> together;
    for (const int shard : {1, 2, 3}) {
        const std::vector<double> its = samples("three", shard);
        CHECK(its.size() == 4);
        together.insert(together.end(), its.begin(), its.end());
    }
    CHECK(together == samples("one", 1));
    CHECK_FALSE(fs::exists(runs.path("three", "batches/batch-000000004.safetensors")));
}

TEST_CASE("batches that make no equal shards of two images or more are refused before anything is written") {
    const ColourRuns runs;
    for (const auto& [size, shards] : {std::pair("12", "5"), {"12", "12"}, {"1026", "513"}, {"12", "0"}}) {
        CAPTURE(shards);
        const Outcome outcome =
            runs.train("run", {"--batch-size", size, "--set", std::string("training.shards=") + shards});
        CHECK(outcome.code == 2);
        CHECK(outcome.err.find("shards") != std::string::npos);
        CHECK(outcome.err.find("internal") == std::string::npos);
        CHECK_FALSE(fs::exists(runs.folder.path() / "run"));
    }
    // The data are one batch that is smaller than the recipe's, and it cannot be divided.
    const Outcome small = runs.train("run", {"--batch-size", "7000", "--set", "training.shards=7"});
    CHECK(small.code == 2);
    CHECK(small.err.find("training images, which make one batch, but no 7 equal shards") !=
          std::string::npos);
    CHECK_FALSE(fs::exists(runs.folder.path() / "run"));
    CHECK(runs.train("run", {"--batch-size", "12", "--epochs", "1", "--set", "training.shards=6"}).code == 0);
}

TEST_CASE("a loss that is not finite in one of the shards ends the run and names what made it so") {
    const ColourRuns runs;
    const Outcome outcome = runs.train("run", {"--batch-size", "12", "--schedule", "constant", "--lr", "1e30",
                                               "--epochs", "2", "--set", "training.shards=2"});
    CAPTURE(outcome.err);
    CHECK(outcome.code == 1);
    CHECK(outcome.err.find("is not finite") != std::string::npos);
    const bool names_op = outcome.err.find("the first op that made it so is op ") != std::string::npos;
    const bool names_tensor = outcome.err.find("train: parameter layer_") != std::string::npos ||
                              outcome.err.find("train: statistic layer_") != std::string::npos;
    CHECK((names_op || names_tensor));
}

}  // namespace
}  // namespace vitrine::tests

// Parts that are not trained, and a head with a rate of its own: --freeze, --freeze-norms, --head-lr and their keys.

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>

#include "engine/safetensors.h"
#include "tests/error_of.h"
#include "tests/tools/colour_run.h"

namespace vitrine::tests {
namespace {

namespace fs = std::filesystem;

/// The weights that a run of two steps ends with, by the name of the run.
SafeTensors weights_after(const ColourRuns& runs, const std::string& name, std::vector<std::string> more) {
    more.insert(more.end(), {"--max-steps", "2", "--schedule", "constant"});
    const Outcome outcome = runs.train(name, more);
    REQUIRE_MESSAGE(outcome.code == 0, outcome.err);
    return read_safetensors(runs.path(name, "last.safetensors"));
}

bool same(const SafeTensors& a, const SafeTensors& b, const char* name) {
    return a.at(name).bytes == b.at(name).bytes;
}

/// Frozen at first, with a faster head, then the first part only, then nothing.
constexpr const char* phases = R"([training]
batch_size = 20
[[phase]]
epochs = 1
freeze = "layer_1, layer_2"
freeze_norms = true
head_lr = 0.2
lr = 0.05
[[phase]]
epochs = 1
freeze = "layer_1.0.*"
lr = 0.02
scheduler = { kind = "one_cycle", max_lr = 0.05, per = "batch" }
head_lr = 0.1
[[phase]]
epochs = 1
lr = 0.01
)";

std::string recipe_of(const ColourRuns& runs, const std::string& text) {
    const std::string file = runs.folder / "phases.toml";
    std::ofstream(file) << text;
    return file;
}

TEST_CASE("what is frozen stays as it is, its batch norms' statistics too where that is asked for") {
    const ColourRuns runs;
    const SafeTensors first = weights_after(runs, "first", {"--lr", "1e-30"});
    const SafeTensors frozen = weights_after(runs, "frozen", {"--freeze", "layer_1.*,layer_2"});
    const SafeTensors still =
        weights_after(runs, "still", {"--freeze", "layer_1,layer_2.*", "--freeze-norms"});
    for (const SafeTensors* run : {&frozen, &still}) {
        for (const char* name : {"layer_1.0.weight", "layer_1.0.bias", "layer_1.1.weight", "layer_2.weight"})
            CHECK(same(*run, first, name));
        CHECK(!same(*run, first, "layer_5.weight"));
    }
    CHECK(frozen.at("layer_1.1.running_mean").values() == first.at("layer_1.1.running_mean").values());
    CHECK(frozen.at("layer_1.1.num_batches_tracked").values() == std::vector<double>{2.0});
    CHECK(still.at("layer_1.1.running_mean").values() == std::vector<double>(32, 0.0));
    CHECK(still.at("layer_1.1.num_batches_tracked").values() == std::vector<double>{0.0});
    const Outcome again = runs.train("again", {"--freeze", "layer_1,layer_2", "--max-steps", "1"});
    CHECK(contains(again.err, "10,400 of 10,787 parameters are frozen, 387 are trained"));
}

TEST_CASE("the head's rate is its own, and the others keep theirs") {
    const ColourRuns runs;
    const SafeTensors still = weights_after(runs, "still", {"--lr", "1e-30"});
    const SafeTensors head = weights_after(runs, "head", {"--lr", "1e-30", "--head-lr", "0.1"});
    CHECK(same(head, still, "layer_1.0.weight"));
    CHECK(same(head, still, "layer_2.bias"));
    CHECK(!same(head, still, "layer_5.weight"));
    CHECK(!same(head, still, "layer_5.bias"));
    // The same rate is the same run.
    const SafeTensors plain = weights_after(runs, "plain", {"--lr", "0.05"});
    const SafeTensors equal = weights_after(runs, "equal", {"--lr", "0.05", "--head-lr", "0.05"});
    for (const SafeTensor& tensor : plain.tensors) CHECK(same(plain, equal, tensor.name.c_str()));
}

TEST_CASE("phases that freeze and free are gone on with to the same bits, wherever they were stopped") {
    const ColourRuns runs;
    const std::string recipe = recipe_of(runs, phases);
    REQUIRE(runs.train("whole", {recipe}).code == 0);
    for (const char* steps : {"3", "6", "9", "12", "15"}) {
        CAPTURE(steps);
        runs.copy("whole", "stopped");  // a folder to be replaced
        const Outcome stopped = runs.train("stopped", {recipe, "--overwrite", "--max-steps", steps});
        REQUIRE_MESSAGE(stopped.code == 0, stopped.err);
        const Outcome outcome = runs.train("stopped", {recipe});
        REQUIRE_MESSAGE(outcome.code == 0, outcome.err);
        CHECK(runs.file("stopped", "last.safetensors") == runs.file("whole", "last.safetensors"));
        CHECK(runs.file("stopped", "metrics.jsonl") == runs.file("whole", "metrics.jsonl"));
    }
    const std::string text = runs.file("whole", "recipe.toml");
    CHECK(contains(text, "freeze = \"layer_1, layer_2\""));
    CHECK(contains(text, "head_lr = 0.2"));
    CHECK(contains(runs.file("whole", "run.json"), "(0.2 of the head)"));
    CHECK(contains(runs.file("whole", "run.json"), "layer_1.0.* frozen"));
    // What a phase that has begun freezes can be changed from now on.
    REQUIRE(runs.train("changed", {recipe, "--max-steps", "8"}).code == 0);
    const Outcome changed = runs.train(
        "changed", {recipe, "--set", "phase.2.freeze=layer_2", "--allow-changes", "--max-steps", "9"});
    CHECK_MESSAGE(changed.code == 0, changed.err);
}

TEST_CASE("a frozen part that is freed for the last phase moves in it alone") {
    const ColourRuns runs;
    const std::string recipe = recipe_of(runs, phases);
    const auto weights = [&](const char* name, const char* steps) {
        REQUIRE(runs.train(name, {recipe, "--max-steps", steps}).code == 0);
        return read_safetensors(runs.path(name, "last.safetensors"));
    };
    const SafeTensors begin = weights("begin", "1"), second = weights("second", "11"),
                      third = weights("third", "14");
    CHECK(same(begin, second, "layer_1.0.weight"));
    CHECK(!same(begin, second, "layer_2.weight"));
    CHECK(!same(begin, third, "layer_1.0.weight"));
    // Its batch norm was in evaluation mode for the first epoch, of six steps.
    CHECK(begin.at("layer_1.1.num_batches_tracked").values() == std::vector<double>{0.0});
    CHECK(second.at("layer_1.1.num_batches_tracked").values() == std::vector<double>{5.0});
}

TEST_CASE("patterns that freeze nothing or everything are refused, what does nothing is said") {
    const ColourRuns runs;
    const auto refused = [&](const std::string& freeze) {
        const Outcome outcome = runs.train("refused", {"--freeze", freeze});
        CHECK(outcome.code == 2);
        CHECK(!fs::exists(runs.folder.path() / "refused"));
        return outcome.err;
    };
    CHECK(contains(refused("features.*"),
                   "no parameter of basic_block_net matches 'features.*'; its parts are layer_1.0, "
                   "layer_1.1, layer_1.3, layer_1.4, layer_2, layer_5"));
    CHECK(contains(refused("layer_1,,layer_2"), "matches ''"));
    CHECK(contains(refused("layer"), "matches 'layer'"));
    CHECK(contains(refused("*"), "leaves nothing to train"));
    CHECK(contains(runs.train("negative", {"--head-lr", "-1"}).err, "--head-lr"));
    CHECK(contains(runs.train("idle", {"--freeze-norms", "--max-steps", "1"}).err,
                   "freeze_norms is not used: nothing is frozen"));
}

}  // namespace
}  // namespace vitrine::tests

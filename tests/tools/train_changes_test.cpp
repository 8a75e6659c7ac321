// Runs that go on with another recipe: the future can be changed, the past cannot.

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <fstream>

#include "engine/safetensors.h"
#include "tests/tools/colour_run.h"

namespace vitrine::tests {
namespace {

namespace fs = std::filesystem;

struct Fixture : ColourRuns {
    static std::vector<std::string> with(std::vector<std::string> all, const std::vector<std::string>& more) {
        all.insert(all.end(), more.begin(), more.end());
        return all;
    }
    /// Exit code 2, one sentence with `part` in it, and nothing written.
    void check_refused(const std::string& name, const std::vector<std::string>& more,
                       const std::string& part) const {
        const std::string recipe = file(name, "recipe.toml"), settings = file(name, "run.json");
        const Outcome outcome = train(name, more);
        CAPTURE(outcome.err);
        CAPTURE(part);
        CHECK(outcome.code == 2);
        CHECK(outcome.err.find(part) != std::string::npos);
        CHECK(outcome.err.find("internal error") == std::string::npos);
        CHECK(file(name, "recipe.toml") == recipe);
        CHECK(file(name, "run.json") == settings);
    }
    Outcome check_accepted(const std::string& name, const std::vector<std::string>& more) const {
        Outcome outcome = train(name, with(more, {"--allow-changes"}));
        CAPTURE(outcome.err);
        REQUIRE(outcome.code == 0);
        return outcome;
    }
    std::vector<int> epochs(const std::string& name) const {
        std::vector<int> all;
        for (const auto& line : lines(name, "metrics.jsonl")) all.push_back(line["epoch"]);
        return all;
    }
    std::vector<double> rates(const std::string& name) const {
        std::vector<double> all;
        for (const auto& line : lines(name, "steps.jsonl")) all.push_back(line["learning_rate"]);
        return all;
    }
    /// The one that ends the run.
    bool ends(const std::string& name) const {
        const auto all = lines(name, "metrics.jsonl");
        for (size_t i = 0; i + 1 < all.size(); ++i) CHECK_FALSE(all[i].contains("ends_run"));
        return all.back().value("ends_run", false);
    }
};

const std::vector<std::string> batches{"--batch-size", "20"};

std::vector<std::string> epochs_of(int count) {
    return {"--batch-size", "20", "--epochs", std::to_string(count)};
}

TEST_CASE_FIXTURE(Fixture, "train: a run that has all epochs of its new recipe is finished") {
    REQUIRE(train("run", with(epochs_of(4), {"--max-steps", "12"})).code == 0);
    const Outcome outcome = check_accepted("run", epochs_of(2));
    CHECK(outcome.err.find("the run is finished") != std::string::npos);
    CHECK(epochs("run") == std::vector{1, 2});
    CHECK(ends("run"));
    CHECK(file("run", "recipe.toml").find("epochs = 2") != std::string::npos);
    CHECK(train("run", epochs_of(2)).err.find("is finished") != std::string::npos);
    CHECK(epochs("run") == std::vector{1, 2});
    check_refused("run", with(epochs_of(1), {"--allow-changes"}), "belongs to phase 1, which is over");
}

TEST_CASE_FIXTURE(Fixture,
                  "train: a finished run goes on with more epochs, on the schedule of a longer run") {
    REQUIRE(train("run", epochs_of(2)).code == 0);
    check_refused("run", epochs_of(4), "phase.1.epochs is 4 (there: 2)");
    const Outcome outcome = check_accepted("run", epochs_of(4));
    CHECK(outcome.err.find("going on after step 12, in epoch 3") != std::string::npos);
    CHECK(outcome.err.find("the schedule goes on where a run has it") != std::string::npos);
    CHECK(epochs("run") == std::vector{1, 2, 3, 4});
    CHECK(ends("run"));

    REQUIRE(train("long", epochs_of(4)).code == 0);
    REQUIRE(rates("run").size() == 24);
    for (size_t i = 12; i < 24; ++i) CHECK(rates("run")[i] == rates("long")[i]);
    CHECK(rates("run")[11] != rates("long")[11]);
    // Another phase is more epochs, too.
    const std::string recipe = folder / "two.toml";
    std::ofstream(recipe) << file("run", "recipe.toml") << "\n[[phase]]\nepochs = 1\nlr = 0.01\n";
    const Outcome further = train("run", {recipe, "--allow-changes"});
    CAPTURE(further.err);
    CHECK(further.code == 0);
    CHECK(epochs("run").size() == 5);
    CHECK(ends("run"));
}

TEST_CASE_FIXTURE(Fixture,
                  "train: other batches inside an epoch begin it again, and the run ends as planned") {
    const std::vector<std::string> start{"--batch-size", "20", "--epochs", "2", "--max-steps", "9"};
    REQUIRE(train("stopped", start).code == 0);
    const std::vector<std::vector<std::string>> changes{
        {"--batch-size", "10"},
        {"--batch-size", "20", "--subset", "0.5"},
        {"--batch-size", "20", "--set", "training.accumulate=2"},
        {"--batch-size", "10", "--set", "training.accumulate=2"},  // as many steps as before
    };
    const std::vector<int> steps{12, 3, 3, 6};
    for (size_t i = 0; i < changes.size(); ++i) {
        copy("stopped", "run");
        const std::vector<std::string> all = with(changes[i], {"--epochs", "2"});
        check_refused("run", all, "has another recipe");
        const Outcome outcome = check_accepted("run", all);
        CHECK(outcome.err.find("epoch 2 begins again") != std::string::npos);
        CHECK(epochs("run") == std::vector{1, 2});
        CHECK(ends("run"));
        CHECK(lines("run", "metrics.jsonl").back()["step"] == 6 + steps[i]);
        CHECK(lines("run", "steps.jsonl").size() == static_cast<size_t>(6 + steps[i]));
        CHECK(train("run", all).err.find("is finished") != std::string::npos);
    }
    // At the end of an epoch nothing begins again.
    REQUIRE(train("run", with(epochs_of(3), {"--overwrite", "--max-steps", "6"})).code == 0);
    const Outcome outcome = check_accepted("run", {"--batch-size", "40", "--epochs", "3"});
    CHECK(outcome.err.find("begins again") == std::string::npos);
    CHECK(lines("run", "metrics.jsonl").back()["step"] == 6 + 3 + 3);
    // Killed between such a change and its first checkpoint of an epoch, a run knows what it was doing.
    REQUIRE(train("run", with(epochs_of(3), {"--overwrite", "--max-steps", "9"})).code == 0);
    check_accepted("run", {"--batch-size", "10", "--epochs", "3", "--max-steps", "8"});
    REQUIRE(train("run", {"--batch-size", "10", "--epochs", "3"}).code == 0);
    CHECK(lines("run", "metrics.jsonl").back()["step"] == 6 + 12 + 12);
}

constexpr const char* two_phases = R"(
[data]
image_size = 16
[training]
batch_size = 20
[[phase]]
name = "first"
epochs = 1
[[phase]]
name = "second"
epochs = 3
scheduler = { kind = "cosine", per = "batch" }
[[phase]]
name = "third"
epochs = 1
)";

TEST_CASE_FIXTURE(Fixture, "train: what is past cannot be changed, and what is to come can") {
    const std::string recipe = folder / "recipe.toml";
    std::ofstream(recipe) << two_phases;
    REQUIRE(train("stopped", {recipe, "--max-steps", "15"}).code == 0);  // inside epoch 3, the phase's second
    const auto refused = [&](const std::string& assignment, const std::string& part) {
        check_refused("stopped", {recipe, "--set", assignment, "--allow-changes"}, part);
    };
    refused("seed=1", "seed is 1 (there: 0), but it has drawn what was trained");
    refused("model.name=mobilenet_v2", "is that of the weights");
    refused("phase.1.lr=0.5", "phase.1.lr is 0.5 (there: 0.1), but it belongs to phase 1, which is over");
    refused("phase.1.epochs=2", "belongs to phase 1");
    refused("phase.1.name=other", "belongs to phase 1");
    refused("phase.2.name=other", "belongs to the beginning of phase 2");
    refused("phase.2.start_from=best", "belongs to the beginning of phase 2");
    refused("phase.2.reset_momentum=true", "belongs to the beginning of phase 2");
    refused("phase.2.epochs=1", "phase.2.epochs is 1 (there: 3), but it is fewer than the 2 that have begun");
    refused("data.image_size=24", "stopped/checkpoints/step-");  // another last layer

    const auto swapped = [&](const std::string& text) {
        std::ofstream(folder / "other.toml") << text;
        return std::vector<std::string>{folder / "other.toml"};
    };
    const std::string head = "[data]\nimage_size = 16\n[training]\nbatch_size = 20\n";
    const std::string first = "[[phase]]\nname = \"first\"\nepochs = 1\n";
    const std::string second =
        "[[phase]]\nname = \"second\"\nepochs = 3\nscheduler = { kind = \"cosine\", per = \"batch\" }\n";
    const std::string third = "[[phase]]\nname = \"third\"\nepochs = 1\n";
    check_refused("stopped", with(swapped(head + second + first + third), {"--allow-changes"}),
                  "which is over");
    check_refused("stopped", with(swapped(head + first), {"--allow-changes"}),
                  "belongs to phase 2, which has begun");

    const std::vector<std::string> accepted{
        "phase.2.lr=0.02",
        "phase.2.momentum=0.5",
        "phase.2.weight_decay=0.0",
        "phase.2.nesterov=true",
        "phase.2.epochs=2",
        "phase.2.decay_norms_and_biases=false",
        "phase.3.name=last",
        "phase.3.start_from=best",
        "training.ema_decay=0.9",
        "training.clip_norm=1.0",
        "training.early_stopping=1",
        "training.label_smoothing=0.1",
        "training.skip_outliers=9.0",
        "training.keep_checkpoints=1",
        "training.checkpoint_minutes=0.0",
        "phase.2.scheduler={ kind = \"reduce_on_plateau\", patience = 0, per = \"epoch\" }",
        "phase.2.warmup={ length = 2, start_factor = 0.5, per = \"epoch\" }",
        "phase.2.hold={ length = 3, per = \"batch\" }",
        "transforms.augment=[ { op = \"random_horizontal_flip\" } ]"};
    for (const std::string& assignment : accepted) {
        CAPTURE(assignment);
        copy("stopped", "run");
        check_accepted("run", {recipe, "--set", assignment, "--max-steps", "17"});
        const Outcome rest = train("run", {recipe, "--set", assignment});
        CAPTURE(rest.err);
        CHECK(rest.code == 0);
        CHECK(rest.err.find("going on after step 17") != std::string::npos);
        CHECK(ends("run"));
    }
    copy("stopped", "run");
    check_accepted("run", swapped(head + first + second));
    CHECK(epochs("run").size() == 4);
    copy("stopped", "run");
    check_accepted("run", swapped(head + first + second + first + third));
    CHECK(epochs("run").size() == 6);
}

TEST_CASE_FIXTURE(Fixture, "train: a phase that is just over goes on where it is given more epochs") {
    const std::string recipe = folder / "recipe.toml";
    std::ofstream(recipe) << two_phases;
    REQUIRE(train("run", {recipe, "--max-steps", "6"}).code == 0);
    check_accepted("run", {recipe, "--set", "phase.1.epochs=2"});
    const auto all = lines("run", "metrics.jsonl");
    REQUIRE(all.size() == 6);
    CHECK(all[1]["phase"] == "first");
    CHECK(all[2]["phase"] == "second");
}

TEST_CASE_FIXTURE(Fixture, "train: what early stopping has ended goes on only without it") {
    const std::vector<std::string> stopping = with(epochs_of(30), {"--set", "training.early_stopping=1"});
    REQUIRE(train("run", stopping).code == 0);
    const size_t before = epochs("run").size();
    REQUIRE(before < 30);
    check_refused("run",
                  with(with(epochs_of(31), {"--set", "training.early_stopping=1"}), {"--allow-changes"}),
                  "belongs to phase 1, which is over");
    check_accepted("run", epochs_of(static_cast<int>(before) + 1));
    CHECK(epochs("run").size() == before + 1);
    CHECK(ends("run"));
}

TEST_CASE_FIXTURE(Fixture, "train: before the first step everything can be changed") {
    REQUIRE(train("run", with(epochs_of(2), {"--max-minutes", "1e-9"})).code == 0);
    CHECK(fs::exists(path("run", "checkpoints/step-000000000.safetensors")));
    const Outcome outcome = check_accepted("run", {"--epochs", "1", "--seed", "3", "--batch-size", "40"});
    CHECK(outcome.err.find("begins afresh") != std::string::npos);
    CHECK(epochs("run").size() == 1);
}

TEST_CASE_FIXTURE(Fixture, "train: the same data under another path are the same recipe") {
    REQUIRE(train("run", with(epochs_of(2), {"--max-steps", "2"})).code == 0);
    const std::string recipe = file("run", "recipe.toml");
    fs::create_directory_symlink("data", folder.path() / "link");
    const std::string name = folder.path().filename().string();
    int step = 2;
    for (const std::string& data : {folder / "data/", folder / "./data", folder / "data/.", folder / "link",
                                    std::string("data"), "../" + name + "/data//"}) {
        CAPTURE(data);
        Program program("train",
                        {"--data", data, "--image-size", "16", "--batch-size", "20", "--epochs", "2", "--out",
                         folder / "run", "--max-steps", std::to_string(++step), "--quiet"},
                        folder.path());
        const Outcome outcome = program.wait();
        CAPTURE(outcome.err);
        CHECK(outcome.code == 0);
        CHECK(outcome.err.find(fmt::format("going on after step {}", step - 1)) != std::string::npos);
    }
    fs::copy(folder.path() / "data", folder.path() / "copy", fs::copy_options::recursive);
    const Outcome other = run("train", {"--data", folder / "copy", "--image-size", "16", "--batch-size", "20",
                                        "--epochs", "2", "--out", folder / "run"});
    CHECK(other.code == 2);
    CHECK(other.err.find("data.path is ") != std::string::npos);
}

TEST_CASE_FIXTURE(Fixture,
                  "train: weights on the disk are averaged ones throughout where there is an average") {
    const std::vector<std::string> averaged = with(epochs_of(2), {"--set", "training.ema_decay=0.9"});
    for (const char* steps : {"3", "6", "9"}) {
        const Outcome outcome = train("run", with(averaged, {"--max-steps", steps}));
        REQUIRE(outcome.code == 0);
        const SafeTensors last = read_safetensors(path("run", "last.safetensors"));
        CHECK(last.metadata.at("weights") == "averaged");
        CHECK(last.metadata.at("step") == steps);
        // They are those of the checkpoint.
        const SafeTensors checkpoint = read_safetensors(
            path("run", fmt::format("checkpoints/step-{:09}.safetensors", std::stoi(steps))));
        for (const SafeTensor& tensor : last.tensors)
            CHECK(checkpoint.at("ema." + tensor.name).bytes == tensor.bytes);
        // And what was measured at the stop is what --eval-only measures.
        if (std::string(steps) == "6") continue;
        const Outcome again = run("train", {"--data", folder / "data", "--batch-size", "20", "--quiet",
                                            "--eval-only", path("run", "last.safetensors")});
        CHECK(again.lines().back() == outcome.lines().front());
    }
    REQUIRE(train("plain", with(epochs_of(1), {"--max-steps", "3"})).code == 0);
    CHECK(read_safetensors(path("plain", "last.safetensors")).metadata.at("weights") == "plain");
}

}  // namespace
}  // namespace vitrine::tests

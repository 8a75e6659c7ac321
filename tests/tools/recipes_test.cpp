// The recipes that come with the program, and what is said of a recipe that is wrong.

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "engine/error.h"
#include "tests/folders.h"
#include "tests/tools/program.h"
#include "tools/recipe/recipe.h"
#include "tools/recipe/recipe_file.h"

namespace vitrine::tests {
namespace {

namespace fs = std::filesystem;

const fs::path recipes = repository() / "tools/recipes";

std::vector<std::string> recipe_names() {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(recipes)) {
        if (entry.path().extension() == ".toml") names.push_back(entry.path().stem().string());
    }
    std::ranges::sort(names);
    return names;
}

/// 200 classes of two images each, 12×12 pixels.
void write_many_classes(const fs::path& folder) {
    for (int c = 0; c < 200; ++c) {
        const fs::path place = folder / fmt::format("class-{:03}", c);
        fs::create_directories(place);
        for (int i = 0; i < 2; ++i) {
            std::ofstream stream(place / fmt::format("{}.ppm", i), std::ios::binary);
            stream << "P6\n12 12\n255\n";
            for (int k = 0; k < 12 * 12 * 3; ++k) stream.put(static_cast<char>((k * (c + 3) + 31 * i) % 256));
        }
    }
}

TEST_CASE("recipes: each of them runs, at a small size; the leaky one is refused") {
    const TemporaryFolder folder;
    write_many_classes(folder.path() / "data");
    const std::vector<std::string> names = recipe_names();
    REQUIRE(names.size() == 9);
    for (const std::string& name : names) {
        CAPTURE(name);
        const std::vector<std::string> arguments{(recipes / (name + ".toml")).string(),
                                                 "--data",
                                                 folder / "data",
                                                 "--out",
                                                 folder / name,
                                                 "--max-steps",
                                                 "2",
                                                 "--set",
                                                 "transforms.resize=32",
                                                 "--set",
                                                 "training.batch_size=4",
                                                 "--set",
                                                 "data.subset=0.1"};
        const Outcome outcome = run("train", arguments);
        CAPTURE(outcome.err);
        if (name == "stage3-leaky-validation") {
            CHECK(outcome.code == 2);
            CHECK(outcome.err.find("augment is not allowed in validation") != std::string::npos);
            continue;
        }
        CHECK(outcome.code == 0);
        CHECK(outcome.out.find("training  ") != std::string::npos);
        CHECK(outcome.out.find("validation  ") != std::string::npos);
        CHECK(fs::exists(folder / (name + "/last.safetensors")));

        // What was resolved is enough to repeat it.
        const Outcome repeated = run(
            "train", {folder / (name + "/recipe.toml"), "--out", folder / (name + "-2"), "--max-steps", "2"});
        CAPTURE(repeated.err);
        CHECK(repeated.code == 0);
        CHECK(content_of(folder / (name + "/last.safetensors")) ==
              content_of(folder / (name + "-2/last.safetensors")));
    }
}

TEST_CASE("recipes: written out whole, they are the same recipes") {
    for (const std::string& name : recipe_names()) {
        if (name == "stage3-leaky-validation") continue;
        CAPTURE(name);
        const std::string path = (recipes / (name + ".toml")).string();
        const std::string whole = recipe::to_toml(recipe::parse_recipe(recipe::read_toml(path), path));
        CHECK(recipe::to_toml(recipe::parse_recipe(parse_toml(whole, "whole"), "whole")) == whole);
    }
}

std::string complaint(const std::string& text, const std::vector<std::string>& assignments = {}) {
    try {
        toml::table table = parse_toml(text, "r.toml");
        for (const std::string& assignment : assignments) recipe::set_assignment(table, assignment);
        recipe::parse_recipe(table, "r.toml");
    } catch (const Error& error) {
        return error.what();
    }
    return "";
}

TEST_CASE("recipes: a mistake is named with its line and what is allowed") {
    const auto says = [](const std::string& text, const std::string& part) {
        const std::string sentence = complaint(text);
        CAPTURE(sentence);
        CHECK(sentence.find(part) != std::string::npos);
    };
    says("seed = 1\n[trainig]\n", "r.toml:2: a recipe has no 'trainig' (did you mean training?)");
    says("[training]\nbatch_sise = 3\n", "r.toml:2: training has no 'batch_sise' (did you mean batch_size?)");
    says("[training]\nbatch_size = 1\n", "r.toml:2: batch_size of training must be a whole number from 2");
    says("[training]\nbatch_size = \"many\"\n", "r.toml:2: batch_size");
    says("[model]\nname = \"mobilenet\"\n", "r.toml:2: name of model");
    says("[model]\nwidth_mult = 0.5\n", "r.toml:2: basic_block_net has no width_mult");
    says("[[phase]]\nepochs = 0\n", "r.toml:2: epochs of phase");
    says("[[phase]]\nstart_from = \"best\"\n", "r.toml:2: the first phase");
    says("[phase]\nepochs = 2\n", "phases are written as [[phase]]");
    says("[[phase]]\nnesterov = true\nmomentum = 0\n", "r.toml:2: nesterov of phase needs a momentum");
    says("[data]\nsubset = 0\n", "r.toml:2: subset of data");
    says("[data]\n[data]\n", "r.toml:2");
    says("[[phase]]\nscheduler = { kind = \"cosinus\" }\n", "cosine");
    CHECK(complaint("seed = 3\n[[phase]]\nlr = 1\n").empty());
}

/// What a recipe says in vain, one a line.
std::string notices(const std::string& text) {
    std::string all;
    for (const std::string& notice : recipe::parse_recipe(parse_toml(text, "r.toml"), "r.toml").notices)
        all += notice + "\n";
    return all;
}

TEST_CASE("recipes: a setting that another one leaves without a meaning is told") {
    const std::string cycle = "scheduler = { kind = \"one_cycle\", max_lr = 0.3, per = \"batch\" }\n";
    const std::string cyclic =
        "scheduler = { kind = \"cyclic\", base_lr = 0.01, max_lr = 0.2, step_size_up = 5, per = \"epoch\" "
        "}\n";
    CHECK(notices("[[phase]]\nlr = 0.1\n" + cycle) ==
          "lr 0.1 is not used: one_cycle goes by its own max_lr 0.3\n");
    CHECK(notices("[[phase]]\nlr = 0.1\n" + cyclic) ==
          "lr 0.1 is not used: cyclic goes by its own base_lr 0.01 and max_lr 0.2\n");
    CHECK(notices("[[phase]]\nmomentum = 0.8\n" + cycle) ==
          "momentum 0.8 is not used: one_cycle moves it between its own base_momentum 0.85 and max_momentum "
          "0.95 "
          "(cycle_momentum = false leaves it alone)\n");
    CHECK(notices("[[phase]]\nmomentum = 0.5\n" + cyclic)
              .starts_with("momentum 0.5 is not used: cyclic moves"));
    // Nobody said it, or it is what the scheduler uses, or it leaves it alone.
    for (const std::string& text :
         {cycle, "lr = 0.3\n" + cycle, "momentum = 0.95\n" + cycle, cyclic, "lr = 0.2\n" + cyclic,
          "lr = 0.01\nmomentum = 0.9\n" + cyclic,
          std::string("lr = 0.1\nmomentum = 0.8\nscheduler = { kind = \"one_cycle\", "
                      "cycle_momentum = false, per = \"batch\" }\n")}) {
        CAPTURE(text);
        CHECK(notices("[[phase]]\n" + text).empty());
        // Written out whole, it says nothing in vain either.
        const auto recipe = recipe::parse_recipe(parse_toml("[[phase]]\n" + text, "r.toml"), "r.toml");
        CHECK(notices(to_toml(recipe)).empty());
    }
    CHECK(notices("[[phase]]\n[[phase]]\nname = \"late\"\nlr = 0.1\n" + cycle) ==
          "phase late: lr 0.1 is not used: one_cycle goes by its own max_lr 0.3\n");
    CHECK(notices("[[phase]]\nweight_decay = 0\ndecay_norms_and_biases = false\n") ==
          "decay_norms_and_biases is not used: there is no weight_decay\n");
    CHECK(notices("[[phase]]\nreset_momentum = true\n") ==
          "reset_momentum of the first phase does nothing: there is no momentum before it\n");
    CHECK(notices("[[phase]]\n[[phase]]\nreset_momentum = true\n").empty());
    CHECK(notices("[training]\nearly_stopping = 6\n") ==
          "training.early_stopping 6 never ends a phase: it has 6 epochs\n");
    CHECK(notices("[training]\nearly_stopping = 6\n[[phase]]\nepochs = 5\n[[phase]]\nepochs = 7\n").empty());
    CHECK(
        notices("[training]\nearly_stopping = 3\n[[phase]]\nepochs = 50\n"
                "scheduler = { kind = \"reduce_on_plateau\", metric = \"val_accuracy\", patience = 3 }\n") ==
        "reduce_on_plateau waits for more than 3 epochs without a better val_accuracy (patience), but "
        "early_stopping "
        "ends the phase after 3\n");
    CHECK(notices("[training]\nlabel_smoothing = 1\n")
              .starts_with("training.label_smoothing 1 leaves nothing to learn"));
    CHECK(notices("[data]\nimage_size = 64\n[transforms]\nresize = 224\n") ==
          "data.image_size 64 is only the size at which images are kept: transforms.resize makes them 224 "
          "for the "
          "network\n");
    CHECK(notices("[data]\nimage_size = 64\n[transforms]\nresize = 64\n").empty());
    CHECK(
        notices(
            "[transforms]\naugment = [ { op = \"random_apply\", p = 0, of = [ { op = \"color_jitter\" } ] }, "
            "{ op = \"rand_augment\", num_ops = 0 }, { op = \"random_grayscale\" } ]\n"
            "erasing = { p = 0.0 }\n") ==
        "random_apply with p = 0 is never applied\n"
        "color_jitter without brightness, contrast, saturation or hue does nothing\n"
        "rand_augment with num_ops = 0 does nothing\n"
        "random_erasing with p = 0 is never applied\n");
}

TEST_CASE("recipes: what does nothing is told by train and by --show-schedule") {
    const TemporaryFolder folder;
    write_colours(folder.path() / "data");
    const std::vector<std::string> arguments{
        "--data",   folder / "data",
        "--epochs", "2",
        "--lr",     "0.05",
        "--set",    "phase.scheduler={ kind = \"one_cycle\", max_lr = 0.2, per = \"batch\" }"};
    const std::string sentence = "lr 0.05 is not used: one_cycle goes by its own max_lr 0.2";
    for (const char* mode : {"--show-schedule", "--quiet"}) {
        std::vector<std::string> all = arguments;
        all.insert(all.end(), {mode, "--out", folder / "run"});
        const Outcome outcome = run("train", all);
        CAPTURE(outcome.err);
        CHECK(outcome.code == 0);
        CHECK(outcome.err.find(sentence) != std::string::npos);
    }
    const std::string resolved = content_of(folder / "run/recipe.toml");
    CHECK(resolved.find("max_lr = 0.2") != std::string::npos);
    CHECK(resolved.find("\nlr = ") == std::string::npos);
    // Not the rate of a phase that goes by it.
    CHECK(run("train", {"--show-recipe"}).out.find("\nlr = 0.1\n") != std::string::npos);
}

TEST_CASE("recipes: each of them runs on data that have validation images of their own") {
    const TemporaryFolder folder;
    write_colours(folder.path() / "data");
    for (const std::string& name : recipe_names()) {
        CAPTURE(name);
        const Outcome outcome =
            run("train",
                {(recipes / (name + ".toml")).string(), "--data", folder / "data", "--out", folder / name,
                 "--max-steps", "1", "--set", "transforms.resize=32", "--set", "training.batch_size=4"});
        CAPTURE(outcome.err);
        CHECK(outcome.code == (name == "stage3-leaky-validation" ? 2 : 0));
        // What a recipe says of its own is what it uses.
        CHECK(outcome.err.find("not used") == std::string::npos);
    }
}

TEST_CASE("recipes: --set reaches every place, and says where it does not") {
    const std::string text = "[[phase]]\nlr = 1\n[[phase]]\nlr = 2\n";
    CHECK(complaint(text, {"phase.2.lr=0.5", "seed=4", "model.name=mobilenet_v2", "model.width_mult=0.5"})
              .empty());
    const auto says = [&](const std::string& assignment, const std::string& part) {
        const std::string sentence = complaint(text, {assignment});
        CAPTURE(sentence);
        CHECK(sentence.find(part) != std::string::npos);
    };
    says("phase.lr=1", "--set phase.lr=1: the recipe has 2 phases");
    says("phase.3.lr=1", "has no phase 3");
    says("training.batch_size=1", "--set training.batch_size=1: batch_size of training");
    says("training.batchsize=8", "did you mean batch_size?");
    says("training", "KEY=VALUE");
    says("phase.2.lr.x=1", "no table");
    says("a..b=1", "empty part");
}

TEST_CASE("train: --show-recipe and --show-schedule print without training") {
    const TemporaryFolder folder;
    write_many_classes(folder.path() / "data");
    const std::string baseline = (recipes / "stage1-baseline.toml").string();
    const Outcome shown = run("train", {baseline, "--show-recipe"});
    CHECK(shown.code == 0);
    CHECK(shown.out.find("[[phase]]") != std::string::npos);
    const Outcome schedule = run("train", {baseline, "--data", folder / "data", "--show-schedule", "--set",
                                           "training.batch_size=4", "--set", "transforms.resize=32"});
    CAPTURE(schedule.err);
    CHECK(schedule.code == 0);
    CHECK(schedule.out.find("learning rate") != std::string::npos);
    CHECK((schedule.out + schedule.err).find("floor") !=
          std::string::npos);  // of the cyclic schedule per batch
}

}  // namespace
}  // namespace vitrine::tests

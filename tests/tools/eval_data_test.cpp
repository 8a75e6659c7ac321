// Which images --eval-only measures: those that the run held out, unless it is told otherwise.

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "engine/safetensors.h"
#include "tests/tools/noise_run.h"

namespace vitrine::tests {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

TEST_CASE_FIXTURE(
    NoiseRun,
    "train --eval-only: the images that the run held out, without its seed or share, wherever the file is") {
    const Outcome trained =
        run("train", {"--data", data(), "--image-size", "8", "--batch-size", "8", "--epochs", "25", "--seed",
                      "5", "--validation", "0.4", "--out", folder / "run", "--threads", "1"});
    CAPTURE(trained.err);
    REQUIRE(trained.code == 0);
    fs::copy_file(folder / "run/last.safetensors", folder / "copy.safetensors");
    fs::remove_all(folder.path() / "run");
    const auto result = [&](const std::vector<std::string>& more) {
        const Outcome outcome = measure(more, "copy.safetensors");
        CAPTURE(outcome.err);
        REQUIRE(outcome.code == 0);
        return Json::parse(outcome.last_line());
    };
    const Json plain = result({});
    CHECK(plain["images"] == 16);
    CHECK(plain["val_accuracy"].get<double>() < 0.9);
    CHECK(result({"--split", "val"}) == plain);
    CHECK(result({"--seed", "99"}) == plain);
    CHECK(result({"--seed", "5", "--validation", "0.4"}) == plain);
    refuses(measure({"--validation", "0.2"}, "copy.safetensors"), "has held out other images of these data");
    refuses(measure({"--validation", "0.4"}, "copy.safetensors"), "has held out other images of these data");
    CHECK(result({"--split", "train"})["images"] == 24);
    CHECK(result({"--split", "train"})["val_accuracy"].get<double>() > plain["val_accuracy"].get<double>());
    CHECK(result({"--split", "all"})["images"] == 40);
    CHECK(tells(measure({"--split", "all"}, "copy.safetensors"),
                "24 of the 40 images that are measured are ones"));

    fs::rename(data(), folder.path() / "moved");  // the same data
    CHECK(result({"--data", folder / "moved"}) == plain);
    fs::rename(folder.path() / "moved", data());
    write_noise(data() / "ant/00a.ppm", 100);  // one more
    CHECK(result({}) == plain);
    write_noise(data() / "ant/00.ppm", 101);
    write_noise(data() / "ant/01.ppm", 102);
    for (uint32_t i = 0; i < 40; ++i)  // and so few of the old ones that some held out are missing
        if (i % 3 == 0) fs::remove(data() / (i < 20 ? "ant" : "bee") / fmt::format("{:02}.ppm", i));
    refuses(measure({}, "copy.safetensors"), "was held out are not there");
    CHECK(NoiseRun::images(measure({"--split", "all"}, "copy.safetensors")) == 27);
}

TEST_CASE_FIXTURE(NoiseRun,
                  "train --eval-only: all of a folder of other images, unless a part of it is asked for") {
    begin();
    const std::string other = folder / "other";
    // The same names: only their pixels tell them from the run's.
    for (uint32_t i = 0; i < 40; ++i)
        write_noise(fs::path(other) / (i < 20 ? "ant" : "bee") / fmt::format("{:02}.ppm", i), 200 + i);
    const auto measured = [&](std::vector<std::string> more) {
        more.insert(more.end(), {"--data", other});
        return measure(more);
    };
    CHECK(images(measured({})) == 40);
    CHECK_FALSE(tells(measured({}), "trained on"));
    CHECK(images(measured({"--split", "all"})) == 40);
    refuses(measured({"--split", "val"}), "--split val: the data have no validation images of their own");
    refuses(measured({"--split", "train"}), "--split train: ");
    CHECK(images(measured({"--validation", "0.25"})) == 10);
    CHECK(images(measured({"--set", "data.validation=0.25"})) == 10);
    CHECK(images(measured({"--split", "train", "--validation", "0.25"})) == 30);
    CHECK(images(measured({"--split", "all", "--validation", "0.25"})) == 40);
    // What the recipe held out in training is not asked for.
    std::ofstream(folder / "recipe.toml") << "[data]\nvalidation = 0.25\n";
    CHECK(images(measured({folder / "recipe.toml"})) == 40);

    fs::copy_file(data() / "ant/00.ppm", fs::path(other) / "ant/copy.ppm");  // one that the run knows
    CHECK(images(measured({})) == 41);
    refuses(run("train", {"--split", "all", "--data", other}), "--split is for --eval-only");
    refuses(measured({"--split", "test"}), "--split");
}

TEST_CASE_FIXTURE(NoiseRun, "train --eval-only: parts of data that have their own") {
    const std::string split = folder / "split";
    for (uint32_t i = 0; i < 40; ++i)
        write_noise(fs::path(split) / (i % 4 == 0 ? "val" : "train") / (i < 20 ? "ant" : "bee") /
                        fmt::format("{:02}.ppm", i),
                    i);
    const Outcome trained =
        run("train", {"--data", split, "--image-size", "8", "--batch-size", "8", "--epochs", "1", "--subset",
                      "0.5", "--out", folder / "run", "--threads", "1"});
    CAPTURE(trained.err);
    REQUIRE(trained.code == 0);
    const auto measured = [&](std::vector<std::string> more) {
        more.insert(more.end(), {"--data", split});
        return measure(more);
    };
    CHECK(images(measured({})) == 10);
    CHECK_FALSE(tells(measured({}), "notice"));
    CHECK(images(measured({"--split", "train"})) == 16);  // those that it was trained on
    CHECK(images(measured({"--split", "all"})) == 40);
    CHECK(tells(measured({"--split", "all"}), "16 of the 40 images that are measured"));
    fs::rename(fs::path(split) / "train", folder.path() / "kept");
    const std::string only_val = fs::path(split) / "val";
    CHECK(images(measure({"--data", only_val})) == 10);
    fs::rename(folder.path() / "kept", fs::path(split) / "train");
    write_noise(fs::path(split) / "val/ant/new.ppm", 100);
    CHECK(images(measured({})) == 11);
    CHECK(tells(measured({}), "the 11 validation images of the data are not the 10 that"));
    refuses(measured({"--validation", "0.5"}), "validation images");
}

TEST_CASE_FIXTURE(
    NoiseRun,
    "train --eval-only: a file that lies about its data is refused, and one that is silent measured") {
    begin();
    const SafeTensors model = read_safetensors(folder / "run/last.safetensors");
    const auto with = [&](const std::string& key, const Json& value) {
        SafeTensors other = model;
        Json data = Json::parse(other.metadata.at("data"));
        data[key] = value;
        other.metadata["data"] = data.dump();
        write_safetensors(folder / "other.safetensors", other);
        return measure({}, "other.safetensors");
    };
    const std::string refusal = "other.safetensors: what its metadata say of the images";
    for (const auto& [key, value] :
         std::initializer_list<std::pair<std::string, Json>>{{"height", 0},
                                                             {"height", 8.5},
                                                             {"width", "8"},
                                                             {"training_images", -1},
                                                             {"training_images", 31},
                                                             {"validation_images", 1e18},
                                                             {"training", "AAAA"},
                                                             {"training", 3},
                                                             {"validation", "A"},
                                                             {"training_pixels", "xyz"},
                                                             {"training_pixels", nullptr}})
        refuses(with(key, value), refusal);
    SafeTensors silent = model;
    silent.metadata.erase("data");
    write_safetensors(folder / "silent.safetensors", silent);
    const Outcome outcome = measure({}, "silent.safetensors");
    CHECK(images(outcome) == 40);
    CHECK(tells(outcome, "does not say which images it was trained on"));
}

}  // namespace
}  // namespace vitrine::tests

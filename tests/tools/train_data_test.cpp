// Folders of images as train and predict take them: odd files, names of any bytes, Vitrine's own files among
// the data.

#include <doctest/doctest.h>
#include <sys/stat.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>

#include "tests/tools/program.h"

namespace vitrine::tests {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

struct Folder {
    TemporaryFolder folder;
    fs::path data = folder.path() / "data";

    Folder() { write_colours(data); }

    Outcome train(const std::string& out, std::vector<std::string> more = {}) const {
        more.insert(more.begin(), {"--data", data.string(), "--image-size", "16", "--epochs", "1",
                                   "--batch-size", "20", "--out", out});
        return run("train", more);
    }
};

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

TEST_CASE_FIXTURE(Folder, "train and predict: odd files are skipped and said, and refused with --strict") {
    const fs::path fire = data / "train/fire";
    REQUIRE(::mkfifo((fire / "pipe.jpg").c_str(), 0644) == 0);
    fs::create_symlink("nowhere.jpg", fire / "dangling.jpg");
    fs::create_symlink("/dev/zero", fire / "device.png");
    for (const char* junk : {"Thumbs.db", ".DS_Store", "desktop.ini", "notes.txt"})
        std::ofstream(fire / junk) << "junk";
    const Outcome trained = train(folder / "run", {"--quiet"});
    CAPTURE(trained.err);
    CHECK(trained.code == 0);
    CHECK(has(trained.err, "dangling.jpg: a link to a file that does not exist\n"));
    CHECK(has(trained.err, "pipe.jpg: a named pipe, not a file\n"));
    CHECK(has(trained.err, "device.png: a device, not a file\n"));
    CHECK(has(trained.err, "3 files that are no images are left out: 1 .db, 1 .ini, 1 .txt\n"));

    const std::string model = folder / "run/best.safetensors";
    const Outcome predicted = run("predict", {model, fire});
    CHECK(predicted.code == 1);
    CHECK(predicted.lines().size() == 40);
    CHECK(has(predicted.err, "pipe.jpg: a named pipe, not a file\n"));
    CHECK(!has(predicted.err, "notes.txt"));

    const Outcome strict = train(folder / "strict", {"--strict"});
    CHECK(strict.code == 2);
    CHECK(strict.err ==
          "train: " + (fire / "dangling.jpg").string() + ": a link to a file that does not exist\n");
    CHECK(!fs::exists(folder / "strict"));
    CHECK(run("predict", {model, fire, "--strict"}).code == 2);
    for (const char* odd : {"pipe.jpg", "dangling.jpg", "device.png"}) fs::remove(fire / odd);
    CHECK(train(folder / "strict", {"--strict", "--quiet"}).code == 0);
    CHECK(run("predict", {model, fire, "--strict"}).code == 0);
}

TEST_CASE_FIXTURE(Folder, "predict lists what train lists: links, hidden names, a run among the images") {
    const fs::path fire = data / "train/fire";
    fs::rename(fire, folder.path() / "elsewhere");
    fs::create_directory_symlink(folder.path() / "elsewhere", fire);
    for (const char* hidden : {".hidden", ".ipynb_checkpoints/fire", "@eaDir"}) {
        fs::create_directories(data / "train/wood" / hidden);
        fs::copy(fire, data / "train/wood" / hidden);
    }
    // Nothing is trained into a class, but runs are moved.
    CHECK(train(data / "train/wood/run", {"--quiet"}).code == 2);
    REQUIRE(train(folder / "look", {"--preview", "2"}).code == 0);
    REQUIRE(fs::exists(folder / "look/preview.png"));
    REQUIRE(train(folder / "run", {"--quiet"}).code == 0);
    const std::string out = data / "train/wood/run";
    fs::rename(folder / "look", data / "train/wood/look");
    fs::rename(folder / "run", out);
    const Json settings = Json::parse(content_of(out + "/run.json"));
    CHECK(settings["training_images"] == 120);
    const Outcome predicted = run("predict", {out + "/best.safetensors", data / "train"});
    CAPTURE(predicted.err);
    CHECK(predicted.code == 0);
    CHECK(predicted.lines().size() == 120);
    const std::string model = out + "/best.safetensors", image = data / "train/wood/train-81.ppm";
    CHECK(!has(run("predict", {model, image, image}).err, "in the CSV file twice"));
    CHECK(
        has(run("predict", {model, image, image, "--csv", folder / "out.csv"}).err, "in the CSV file twice"));
    // Again, with the run's own images in the class, and its weights beside the others' cache.
    const Outcome again = train(data / "runs/x", {"--cache", data / "cache"});
    CHECK(again.code == 0);
    CHECK(Json::parse(content_of(data / "runs/x/run.json"))["training_images"] == 120);
}

TEST_CASE("train and predict: names and paths of any bytes are written as text, the same everywhere") {
    const TemporaryFolder folder;
    const fs::path data = folder.path() / "d\xe9ta";
    write_colours(data);
    for (const char* part : {"train", "val"}) fs::rename(data / part / "fire", data / part / "caf\xe9");
    for (const char* name : {"\xff\n.ppm", "a\\x41.ppm"})
        fs::copy(data / "train/wood/train-81.ppm", data / "train/wood" / name);
    const std::string out = folder / "o\xe9t";
    const std::vector<std::string> arguments{"--data", data.string(),  "--image-size", "16",    "--epochs",
                                             "1",      "--batch-size", "20",           "--out", out};
    const Outcome first = run("train", arguments);
    CAPTURE(first.err);
    REQUIRE(first.code == 0);
    CHECK(has(first.out, "o\\xe9t"));
    const Outcome second = run("train", arguments);
    CHECK(second.code == 0);
    CHECK(has(second.err, "is finished"));
    const Json settings = Json::parse(content_of(out + "/run.json"));
    CHECK(settings["training_images"] == 122);
    CHECK(settings["classes"] == Json{"caf\\xe9", "sea, \"deep\"", "wood"});
    CHECK(settings["data"].get<std::string>().ends_with("/d\\xe9ta"));
    CHECK(Json::accept(content_of(out + "/validation.json")));
    CHECK(has(content_of(out + "/recipe.toml"), "d\\\\xe9ta\"\n"));
    const Outcome predicted =
        run("predict", {out + "/best.safetensors", (data / "val/caf\xe9").string(), "--top", "3"});
    CHECK(predicted.code == 0);
    REQUIRE(predicted.lines().size() == 12);
    CHECK(has(predicted.lines()[0], "/d\\xe9ta/val/caf\\xe9/val-20.ppm\t"));
    CHECK(has(predicted.lines()[0], "\tcaf\\xe9\t"));
    // The recipe that was written is read again.
    CHECK(run("train", {out + "/recipe.toml", "--out", folder / "again", "--quiet"}).code == 0);
}

TEST_CASE_FIXTURE(
    Folder, "train: a layout that does not fit is one sentence and exit code 2, and leaves nothing behind") {
    fs::rename(data / "val", folder.path() / "gone");
    fs::create_directory(data / "Validation");
    const Outcome outcome = train(folder / "run");
    CHECK(outcome.code == 2);
    CHECK(has(outcome.err, "/Validation' is empty; expected are '"));
    CHECK(std::ranges::count(outcome.err, '\n') == 1);
    CHECK(!fs::exists(folder / "run"));
    fs::remove(data / "Validation");
    fs::rename(data / "train", data / "flowers");
    const Outcome nested = train(folder / "run");
    CHECK(nested.code == 2);
    CHECK(has(nested.err, "to use those, --data " + (data / "flowers").string() + "\n"));
}

TEST_CASE_FIXTURE(
    Folder,
    "train: an image in training and in validation, or in two classes, is named, and counted in run.json") {
    fs::copy_file(data / "train/fire/train-03.ppm", data / "val/fire/again.ppm");
    const Outcome leaky = train(folder / "leaky");
    CHECK(leaky.code == 0);
    CHECK(has(leaky.err, "1 of 37 validation images is among the training images, too, pixel by pixel "));
    CHECK(has(leaky.err, "again.ppm' of class 'fire' is "));
    CHECK(!has(leaky.err, "of another class"));
    fs::copy_file(data / "train/fire/train-05.ppm", data / "train/wood/again.ppm");
    const Outcome unclear = train(folder / "unclear");
    CHECK(unclear.code == 0);
    CHECK(has(unclear.err, "1 of 37 validation images is among the training images"));
    CHECK(has(unclear.err, "2 images are, pixel by pixel, images of another class, too ("));
    const Json run = Json::parse(content_of(folder / "unclear/run.json"));
    CHECK(run.at("validation_images_trained_on") == 1);
    CHECK(run.at("contradictory_images") == 2);
    fs::remove(data / "val/fire/again.ppm");
    fs::remove(data / "train/wood/again.ppm");
    const Outcome sound = train(folder / "sound");
    CHECK(!has(sound.err, "pixel by pixel"));
    CHECK(Json::parse(content_of(folder / "sound/run.json")).at("validation_images_trained_on") == 0);
}

TEST_CASE_FIXTURE(Folder,
                  "train --verify-cache: what the cache of decoded images is worth is said, each time") {
    const std::string train = "train --data '" + data.string() +
                              "' --image-size 16 --max-steps 1 --threads 1 --verify-cache --out '" +
                              folder.path().string() + "/";
    const Outcome both = run_script(train + "first' && " + train + "second'");
    CAPTURE(both.err);
    CHECK(both.code == 0);
    const size_t none = both.err.find("there was no cache of decoded images to verify");
    const size_t sound = both.err.find("the cache of decoded images was verified: it is of the 156 files");
    REQUIRE(none != std::string::npos);
    REQUIRE(sound != std::string::npos);
    CHECK(none < sound);
}

}  // namespace
}  // namespace vitrine::tests

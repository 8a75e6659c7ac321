// The data are part of a run: what happens where they change between its parts, and which of them --eval-only
// measures.

#include <doctest/doctest.h>
#include <fmt/format.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "data/identity.h"
#include "engine/random.h"
#include "engine/safetensors.h"
#include "tests/tools/program.h"

namespace vitrine::tests {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

/// Pure noise, of which a network learns the training images by heart and nothing else.
void write_noise(const fs::path& file, uint32_t number) {
    constexpr uint64_t side = 8;
    fs::create_directories(file.parent_path());
    std::ofstream stream(file, std::ios::binary);
    stream << fmt::format("P6\n{} {}\n255\n", side, side);
    for (uint64_t i = 0; i < side * side * 3; ++i)
        stream.put(static_cast<char>(
            random_below({.seed = 11, .purpose = RandomPurpose::test, .sample = number}, i, 256)));
}

/// One folder of the classes ant and bee, 20 images each.
struct Fixture {
    Fixture() {
        for (uint32_t i = 0; i < 40; ++i)
            write_noise(data() / (i < 20 ? "ant" : "bee") / fmt::format("{:02}.ppm", i), i);
    }
    fs::path data() const { return folder.path() / "data"; }

    Outcome train(const std::vector<std::string>& more = {}, const std::string& out = "run") const {
        std::vector<std::string> all{"--data",   data(), "--image-size", "8", "--batch-size", "8",
                                     "--epochs", "3",    "--threads",    "1", "--out",        folder / out};
        if (std::ranges::find(more, "--seed") == more.end()) all.insert(all.end(), {"--seed", "5"});
        all.insert(all.end(), more.begin(), more.end());
        return run("train", all);
    }
    /// Stopped inside its second epoch of three, or where it is told to.
    void begin(const std::vector<std::string>& more = {}) const {
        std::vector<std::string> all{"--max-steps", "4"};
        all.insert(all.end(), more.begin(), more.end());
        const Outcome outcome = train(all);
        CAPTURE(outcome.err);
        REQUIRE(outcome.code == 0);
    }
    Outcome measure(const std::vector<std::string>& more = {},
                    const std::string& model = "run/last.safetensors") const {
        std::vector<std::string> all{"--eval-only", folder / model, "--json", "--threads", "1"};
        if (std::ranges::find(more, "--data") == more.end()) all.insert(all.end(), {"--data", data()});
        all.insert(all.end(), more.begin(), more.end());
        return run("train", all);
    }
    /// Notices, which --json puts among the results.
    static bool tells(const Outcome& outcome, const std::string& part) {
        return outcome.out.find(part) != std::string::npos;
    }
    static int64_t images(const Outcome& outcome) {
        CAPTURE(outcome.err);
        REQUIRE(outcome.code == 0);
        return Json::parse(outcome.last_line())["images"].get<int64_t>();
    }
    void refuses(const Outcome& outcome, const std::string& part) const {
        CAPTURE(outcome.err);
        CHECK(outcome.code == 2);
        CHECK(outcome.err.find(part) != std::string::npos);
        CHECK(std::ranges::count(outcome.err.substr(outcome.err.find("train: ")), '\n') == 1);
    }

    /// What the newest checkpoint knows.
    DatasetIdentity identity() const {
        fs::path newest;
        for (const auto& entry : fs::directory_iterator(folder.path() / "run/checkpoints")) {
            const std::string name = entry.path().filename().string();
            if (name.starts_with("step-") && entry.path() > newest) newest = entry.path();
        }
        return unpack_identity(read_safetensors(newest).at("data").bytes);
    }
    /// The pixels of the images of a part.
    std::set<uint64_t> pixels(Part part) const {
        std::set<uint64_t> all;
        for (const KnownImage& image : identity().images) {
            if (image.part == part) all.insert(image.pixels);
        }
        return all;
    }
    /// Everything in the run's folder.
    std::map<std::string, std::string> files() const {
        std::map<std::string, std::string> all;
        for (const auto& entry : fs::recursive_directory_iterator(folder.path() / "run")) {
            if (entry.is_regular_file()) all[entry.path().string()] = content_of(entry.path());
        }
        return all;
    }

    TemporaryFolder folder;
};

bool disjoint(const std::set<uint64_t>& one, const std::set<uint64_t>& other) {
    return std::ranges::none_of(one, [&](uint64_t pixels) { return other.contains(pixels); });
}

TEST_CASE_FIXTURE(
    Fixture, "train: a run whose data have changed is refused with what, and goes on where that is allowed") {
    begin();
    const std::set<uint64_t> trained = pixels(Part::training), held_out = pixels(Part::validation);
    REQUIRE(trained.size() == 32);
    REQUIRE(held_out.size() == 8);
    std::string change;
    int64_t images = 40, held_out_now = 8;
    SUBCASE("files added") {
        write_noise(data() / "ant/00a.ppm", 100);
        write_noise(data() / "bee/00a.ppm", 101);
        change = "2 images are new ('ant/00a.ppm', 'bee/00a.ppm')";
        images = 42;
    }
    SUBCASE("files gone") {
        fs::remove_all(data() / "ant/07.ppm");
        change = "1 image is gone ('ant/07.ppm')";
        images = 39;
        held_out_now = -1;  // whichever it was
    }
    SUBCASE("a class renamed") {
        fs::rename(data() / "ant", data() / "caterpillar");
        change = "1 class has another name ('ant' is now 'caterpillar')";
    }
    SUBCASE("classes that exchanged their names") {
        fs::rename(data() / "ant", folder.path() / "x");
        fs::rename(data() / "bee", data() / "ant");
        fs::rename(folder.path() / "x", data() / "bee");
        change = "20 images were moved from class 'ant' to 'bee'";
    }
    SUBCASE("an image moved to another class") {
        fs::rename(data() / "ant/03.ppm", data() / "bee/03.ppm");
        change = "1 image was moved from class 'ant' to 'bee' ('bee/03.ppm')";
    }
    SUBCASE("a file that cannot be read any more") {
        std::ofstream(data() / "ant/03.ppm") << "nothing";
        change = "1 image cannot be read any more ('ant/03.ppm')";
        images = 39;
        held_out_now = -1;
    }
    SUBCASE("other pixels in files of the same names and sizes") {
        write_noise(data() / "ant/03.ppm", 100);
        change = "1 image has other pixels ('ant/03.ppm')";
    }
    const std::map<std::string, std::string> before = files();
    const Outcome refused = train();
    refuses(refused, change);
    CHECK(refused.err.find("--allow-changes") != std::string::npos);
    CHECK(files() == before);

    const Outcome allowed = train({"--allow-changes"});
    CAPTURE(allowed.err);
    REQUIRE(allowed.code == 0);
    CHECK(allowed.err.find("the data have changed: " + change) != std::string::npos);
    CHECK(allowed.err.find("stay training or validation images as they were") != std::string::npos);
    CHECK(disjoint(trained, pixels(Part::validation)));
    CHECK(disjoint(held_out, pixels(Part::training)));
    CHECK(std::ssize(identity().images) == images);
    if (held_out_now >= 0) CHECK(identity().count(Part::validation) == held_out_now);

    const std::set<uint64_t> validated = pixels(Part::validation);
    const Outcome again = train();  // it knows them now
    CAPTURE(again.err);
    CHECK(again.code == 0);
    CHECK(again.err.find("have changed") == std::string::npos);
    CHECK(pixels(Part::validation) == validated);
    CHECK(Fixture::images(measure()) == std::ssize(validated));
}

TEST_CASE_FIXTURE(Fixture,
                  "train: classes that the model has no output for are refused, changes allowed or not") {
    begin();
    const auto refused = [&](const std::string& part) {
        const std::map<std::string, std::string> before = files();
        refuses(train(), part);
        refuses(train({"--allow-changes"}), part);
        CHECK(files() == before);
    };
    write_noise(data() / "cow/1.ppm", 100);
    write_noise(data() / "cow/2.ppm", 101);
    refused("1 class is new ('cow')");
    refused("knows 2 classes, but the data have 3 now");
    fs::remove_all(data() / "ant");
    refused("the class 'cow' is none of those");
}

TEST_CASE_FIXTURE(Fixture,
                  "train: another share to hold out, allowed, leaves the images that were held out alone") {
    begin();
    const std::set<uint64_t> trained = pixels(Part::training), held_out = pixels(Part::validation);
    const Outcome outcome = train({"--validation", "0.5", "--allow-changes"});
    CAPTURE(outcome.err);
    REQUIRE(outcome.code == 0);
    CHECK(outcome.err.find("goes on with the validation images that it held out") != std::string::npos);
    CHECK(pixels(Part::training) == trained);
    CHECK(pixels(Part::validation) == held_out);
    CHECK(train({"--validation", "0.5"}).err.find("held out at its beginning") == std::string::npos);
}

TEST_CASE_FIXTURE(Fixture, "train: at another size, images are still known by their pixels") {
    begin({"--model", "mobilenet_v2", "--width-mult", "0.25"});
    const std::set<std::string> known = [&] {
        std::set<std::string> names;
        for (const KnownImage& image : identity().images) {
            if (image.part == Part::validation) names.insert(image.name);
        }
        return names;
    }();
    fs::rename(data() / *known.begin(), data() / "ant/zz.ppm");
    const auto go_on = [&](const std::vector<std::string>& more) {
        std::vector<std::string> all{"--data",         data(),
                                     "--batch-size",   "8",
                                     "--epochs",       "3",
                                     "--threads",      "1",
                                     "--seed",         "5",
                                     "--out",          folder / "run",
                                     "--model",        "mobilenet_v2",
                                     "--width-mult",   "0.25",
                                     "--image-size",   "16",
                                     "--allow-changes"};
        all.insert(all.end(), more.begin(), more.end());
        return run("train", all);
    };
    const Outcome outcome = go_on({});
    CAPTURE(outcome.err);
    REQUIRE(outcome.code == 0);
    CHECK(outcome.err.find("1 image has another name") != std::string::npos);
    std::set<std::string> expected = known;
    expected.erase(*known.begin());
    expected.insert("ant/zz.ppm");
    const DatasetIdentity after = identity();
    CHECK(after.height == 16);
    CHECK(after.count(Part::validation) == 8);
    for (const KnownImage& image : after.images)
        CHECK((image.part == Part::validation) == expected.contains(image.name));
}

/// As checkpoints have it: of all metadata but itself, and of all tensors, each text behind its length.
std::string checksum_of(const SafeTensors& file) {
    std::string all;
    const auto add = [&all](const std::string& text) {
        const uint64_t size = text.size();
        all.append(reinterpret_cast<const char*>(&size), sizeof size).append(text);
    };
    for (const auto& [key, value] : file.metadata) {
        add(key);
        add(value);
    }
    for (const SafeTensor& tensor : file.tensors) {
        add(tensor.name);
        add(tensor.dtype);
        add(tensor.bytes);
    }
    const XXH128_hash_t hash = XXH3_128bits(all.data(), all.size());
    return fmt::format("{:016x}{:016x}", hash.high64, hash.low64);
}

TEST_CASE_FIXTURE(Fixture, "train: a run of before the data were remembered says so and goes on") {
    begin();
    for (const auto& entry : fs::directory_iterator(folder.path() / "run/checkpoints")) {
        if (!entry.path().filename().string().starts_with("step-")) continue;
        SafeTensors file = read_safetensors(entry.path());
        std::erase_if(file.tensors, [](const SafeTensor& tensor) { return tensor.name == "data"; });
        file.metadata.erase("checksum");
        file.metadata["checksum"] = checksum_of(file);
        write_safetensors(entry.path(), file);
    }
    const Outcome outcome = train({"--max-steps", "5"});
    CAPTURE(outcome.err);
    CHECK(outcome.code == 0);
    CHECK(outcome.err.find("does not say which images the run was trained on") != std::string::npos);
    CHECK(outcome.err.find("going on after step 4") != std::string::npos);
    CHECK(identity().images.size() == 40);  // from now on it is remembered
}

TEST_CASE_FIXTURE(
    Fixture,
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
    CHECK(Fixture::images(measure({"--split", "all"}, "copy.safetensors")) == 27);
}

TEST_CASE_FIXTURE(Fixture,
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

TEST_CASE_FIXTURE(Fixture, "train --eval-only: parts of data that have their own") {
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
    Fixture,
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

// data.exif_orientation through the programs: what is said, kept and compared, and that predict and
// --eval-only prepare images as the run did.

#include <doctest/doctest.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "data/identity.h"
#include "engine/safetensors.h"
#include "tests/folders.h"
#include "tests/tools/noise_run.h"

namespace vitrine::tests {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

const std::string ignored =
    "7 of 48 images carry an EXIF orientation, which is ignored as torchvision does; data.exif_orientation = "
    "true "
    "applies it";
const std::string applied =
    "7 of 48 images carry an EXIF orientation, which is applied (data.exif_orientation = true)";

int count(const std::string& text, const std::string& part) {
    int found = 0;
    for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++found;
    return found;
}

/// Noise, and a photograph of each orientation among it.
struct Photographs : NoiseRun {
    Photographs() {
        for (int i = 1; i <= 8; ++i) copy_golden(name(i), data() / "ant" / name(i));
    }
    static std::string name(int orientation) { return "orientation_" + std::to_string(orientation) + ".jpg"; }
    static void copy_golden(const std::string& file, const fs::path& to) {
        fs::create_directories(to.parent_path());
        fs::copy_file(repository() / "tests/golden/images" / file, to);
    }
    std::string metadata(const std::string& key) const {
        return read_safetensors(folder / "run/last.safetensors").metadata.at(key);
    }
    /// The loss on a folder of photographs, or of what they look like upright, without EXIF.
    Json loss_on(const std::string& data_folder, std::vector<std::string> more = {}) const {
        more.insert(more.end(), {"--data", folder / data_folder, "--split", "all"});
        const Outcome outcome = measure(more);
        CAPTURE(outcome.err);
        REQUIRE(outcome.code == 0);
        return Json::parse(outcome.last_line())["val_loss"];
    }
    void write_photographs() const {
        for (int i = 2; i <= 8; ++i) {
            const std::string class_name = i % 2 == 0 ? "ant" : "bee";
            copy_golden(name(i), folder.path() / "stored" / class_name / name(i));
            copy_golden(name(i) + ".upright.ppm",
                        folder.path() / "upright" / class_name / (name(i) + ".ppm"));
        }
    }
};

TEST_CASE_FIXTURE(
    Photographs, "train says once how many images carry an orientation, also when they come from the cache") {
    const std::string cache = folder / "cache";
    for (const char* out : {"first", "second"}) {
        const Outcome outcome = train({"--max-steps", "1", "--cache", cache}, out);
        CHECK(outcome.code == 0);
        CHECK(count(outcome.err, ignored) == 1);
        CHECK(count(outcome.err, "EXIF") == 1);
    }
    for (const std::vector<std::string>& how :
         {std::vector<std::string>{"--set", "data.exif_orientation=true"}, {"--exif-orientation"}}) {
        std::vector<std::string> all{"--max-steps", "1", "--cache", cache, "--overwrite"};
        all.insert(all.end(), how.begin(), how.end());
        const Outcome outcome = train(all, "third");
        CHECK(outcome.code == 0);
        CHECK(count(outcome.err, applied) == 1);
        CHECK(count(outcome.err, "EXIF") == 1);
        CHECK(count(content_of(folder / "third/recipe.toml"), "exif_orientation = true\n") == 1);
    }
    CHECK(count(run("train", {"--show-recipe"}).out, "exif_orientation = false\n") == 1);
    const Outcome wrong = run("train", {"--set", "data.exif_orientation=6", "--show-recipe"});
    CHECK(wrong.code == 2);
    CHECK(count(wrong.err, "exif_orientation of data") == 1);
}

TEST_CASE_FIXTURE(
    Photographs, "train: a run goes on with the orientation that it began with, unless changes are allowed") {
    begin({"--exif-orientation"});
    CHECK(metadata("exif_orientation") == "true");
    const auto before = files();
    refuses(train(), "data.exif_orientation is false (there: true)");
    CHECK(files() == before);
    const std::set<std::string> held_out = [&] {
        std::set<std::string> names;
        for (const KnownImage& image : identity().images) {
            if (image.part == Part::validation) names.insert(image.name);
        }
        return names;
    }();
    CHECK(identity().exif_orientation);
    CHECK(train({"--exif-orientation", "--max-steps", "5"}).code == 0);
    const Outcome changed = train({"--allow-changes"});
    CAPTURE(changed.err);
    REQUIRE(changed.code == 0);
    // They are compared as the run knows them: not one of them has changed.
    CHECK(count(changed.err, "the data have changed") == 0);
    CHECK(count(changed.err, ignored) == 1);
    CHECK(metadata("exif_orientation") == "false");
    CHECK_FALSE(identity().exif_orientation);
    for (const KnownImage& image : identity().images)
        CHECK((image.part == Part::validation) == held_out.contains(image.name));
}

TEST_CASE_FIXTURE(Photographs, "predict and --eval-only turn images as the model's run did") {
    write_photographs();
    const auto probabilities = [&](const std::string& kind, const std::string& ending) {
        std::string all;
        for (int i = 2; i <= 8; ++i) {
            const std::string file = std::string(i % 2 == 0 ? "ant" : "bee") + "/" + name(i) + ending;
            const Outcome outcome =
                run("predict", {folder / "run/last.safetensors", folder / (kind + "/" + file), "--top", "2"});
            CAPTURE(outcome.err);
            REQUIRE(outcome.code == 0);
            all += outcome.out.substr(outcome.out.find('\t'));
            const bool says = kind == "stored";
            CHECK(count(outcome.err, "1 of 1 images carries an EXIF orientation, which is ") ==
                  (says ? 1 : 0));
        }
        return all;
    };
    begin({"--exif-orientation"});
    CHECK(probabilities("stored", "") == probabilities("upright", ".ppm"));
    const Json upright = loss_on("upright");
    CHECK(loss_on("stored") == upright);
    CHECK(loss_on("stored", {"--set", "data.exif_orientation=false"}) != upright);
    CHECK(tells(measure({"--data", folder / "stored", "--split", "all"}),
                "7 of 7 images carry an EXIF orientation, which is applied"));
    // Of the run's own images, those that it held out are known again, however they are read now.
    const int64_t held_out = images(measure());
    CHECK(held_out == 10);
    CHECK(images(measure({"--set", "data.exif_orientation=false"})) == held_out);

    begin({"--overwrite"});
    CHECK(probabilities("stored", "") != probabilities("upright", ".ppm"));
    CHECK(loss_on("stored") != loss_on("upright"));
    CHECK(loss_on("stored", {"--exif-orientation"}) == loss_on("upright"));
}

}  // namespace
}  // namespace vitrine::tests

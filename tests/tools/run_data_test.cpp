// The data are part of a run: what happens where they change between its parts.

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "engine/safetensors.h"
#include "tests/tools/noise_run.h"
#include "tests/tools/sealed.h"

namespace vitrine::tests {
namespace {

namespace fs = std::filesystem;

bool disjoint(const std::set<uint64_t>& one, const std::set<uint64_t>& other) {
    return std::ranges::none_of(one, [&](uint64_t pixels) { return other.contains(pixels); });
}

TEST_CASE_FIXTURE(
    NoiseRun,
    "train: a run whose data have changed is refused with what, and goes on where that is allowed") {
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
    CHECK(NoiseRun::images(measure()) == std::ssize(validated));
}

TEST_CASE_FIXTURE(NoiseRun,
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

TEST_CASE_FIXTURE(NoiseRun,
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

TEST_CASE_FIXTURE(NoiseRun, "train: at another size, images are still known by their pixels") {
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

TEST_CASE_FIXTURE(NoiseRun, "train: a run of before the data were remembered says so and goes on") {
    begin();
    for (const auto& entry : fs::directory_iterator(folder.path() / "run/checkpoints")) {
        if (!entry.path().filename().string().starts_with("step-")) continue;
        SafeTensors file = read_safetensors(entry.path());
        std::erase_if(file.tensors, [](const SafeTensor& tensor) { return tensor.name == "data"; });
        seal(file);
        write_safetensors(entry.path(), file);
    }
    const Outcome outcome = train({"--max-steps", "5"});
    CAPTURE(outcome.err);
    CHECK(outcome.code == 0);
    CHECK(outcome.err.find("does not say which images the run was trained on") != std::string::npos);
    CHECK(outcome.err.find("going on after step 4") != std::string::npos);
    CHECK(identity().images.size() == 40);  // from now on it is remembered
}

}  // namespace
}  // namespace vitrine::tests

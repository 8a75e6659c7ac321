// data.image_shape through the programs: photographs of their own sizes are trained on, resumed, measured and
// predicted as they are kept, and what cannot become one size is refused.

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <fstream>

#include "engine/safetensors.h"
#include "tests/tools/noise_run.h"

namespace vitrine::tests {
namespace {

void write_photograph(const std::filesystem::path& file, int height, int width, char level) {
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file, std::ios::binary) << fmt::format("P6\n{} {}\n255\n", width, height)
                                          << std::string(static_cast<size_t>(3 * height * width), level);
}

/// Two classes of photographs, none of them square and hardly two of one size.
class OwnSizes : public NoiseRun {
  public:
    OwnSizes() {
        for (int i = 0; i < 24; ++i) {
            write_photograph(data() / (i % 2 == 0 ? "ant" : "bee") / fmt::format("own_{:02}.ppm", i),
                             9 + i % 7, 30 - i, i % 2 == 0 ? 'a' : 'z');
        }
        std::ofstream(recipe()) << R"([data]
image_shape = "original"
[transforms]
augment = [ { op = "random_resized_crop", size = 8 }, { op = "random_horizontal_flip" } ]
validation = { resize = 9, center_crop = 8 }
[[phase]]
epochs = 2
lr = 0.05
)";
    }
    std::string recipe() const { return folder / "own.toml"; }

    Outcome run_own(const std::vector<std::string>& more, const std::string& out) const {
        std::vector<std::string> all{recipe(),        "--data", data(),         "--out", folder / out,
                                     "--threads",     "1",      "--batch-size", "8",     "--cache",
                                     folder / "cache"};
        all.insert(all.end(), more.begin(), more.end());
        return run("train", all);
    }
};

TEST_CASE_FIXTURE(OwnSizes,
                  "photographs of their own sizes: trained on, stopped and resumed to the same bits") {
    const Outcome whole = run_own({}, "whole");
    CAPTURE(whole.err);
    REQUIRE(whole.code == 0);
    CHECK(whole.out.find("of their own sizes in 2 classes") != std::string::npos);
    CHECK(run_own({"--max-steps", "3"}, "parts").code == 0);
    CHECK(run_own({}, "parts").code == 0);
    CHECK(content_of(folder / "whole/last.safetensors") == content_of(folder / "parts/last.safetensors"));
    refuses(run_own({"--image-shape", "aspect", "--image-size", "12"}, "whole"), "data.image_shape");
}

TEST_CASE_FIXTURE(OwnSizes, "a model of photographs of their own sizes reads others as it did in training") {
    REQUIRE(run_own({}, "run").code == 0);
    const Outcome held_out = measure();
    CHECK(images(held_out) == 12);
    CHECK(held_out.out == measure({"--image-shape", "original", "--set",
                                   "transforms.validation={ resize = 9, center_crop = 8 }"})
                              .out);
    const Outcome guesses = run("predict", {folder / "run/last.safetensors", data()});
    CAPTURE(guesses.err);
    CHECK(guesses.code == 0);
    CHECK(std::ranges::count(guesses.out, '\n') == 64);
    const SafeTensors file = parse_safetensors(content_of(folder / "run/last.safetensors"), "run");
    CHECK(file.metadata.at("source_shape") == "original");
}

TEST_CASE_FIXTURE(OwnSizes, "images that do not become one size are refused before anything is written") {
    refuses(run_own({"--set", "transforms.validation={}"}, "none"), "validation needs a center_crop");
    refuses(run_own({"--set", "transforms.augment=[]"}, "none"), "but a batch has one size");
    refuses(run_own({"--image-shape", "round"}, "none"), "choose one of square, aspect, original");
    CHECK_FALSE(std::filesystem::exists(folder / "none/recipe.toml"));
}

}  // namespace
}  // namespace vitrine::tests

// Images that a data set has more than once: found by their pixels alone, in whichever part and order.

#include "data/repeated_images.h"

#include <doctest/doctest.h>

#include <random>

#include "tests/data/support.h"

using namespace vitrine;
using namespace vitrine::test;

namespace {

using Pairs = std::vector<RepeatedImages::Pair>;

DatasetIdentity identity_with(std::vector<KnownImage> images) {
    return {.kind = "image_folder",
            .height = 8,
            .width = 8,
            .keeping = {},
            .draw = {},
            .exif_orientation = false,
            .classes = {"ant", "bee"},
            .images = std::move(images)};
}

std::vector<std::string> sentences(const DatasetIdentity& identity) {
    return sentences_on(repeated_images(identity), identity);
}

constexpr Part training = Part::training, validation = Part::validation, left_out = Part::left_out;

}  // namespace

TEST_CASE("repeated images: of images that are all different nothing is said") {
    const DatasetIdentity identity =
        identity_with({{"a", 0, training, 1}, {"b", 1, training, 2}, {"c", 0, validation, 3}});
    CHECK(repeated_images(identity).trained_on.empty());
    CHECK(repeated_images(identity).contradictory.empty());
    CHECK(sentences(identity).empty());
    CHECK(sentences(identity_with({})).empty());
}

TEST_CASE("repeated images: validation images that are training images, too") {
    const DatasetIdentity identity =
        identity_with({{"t0", 0, training, 9},
                       {"t1", 1, training, 5},
                       {"t2", 0, training, 9},  // twice in training is no mistake
                       {"v0", 1, validation, 7},
                       {"v1", 0, validation, 9},
                       {"v2", 1, validation, 5},
                       {"v3", 1, validation, 7},  // nor twice in validation
                       {"v4", 0, validation, 9}});
    const RepeatedImages repeated = repeated_images(identity);
    CHECK(repeated.trained_on == Pairs{{4, 0}, {5, 1}, {7, 0}});
    CHECK(repeated.contradictory.empty());
    CHECK(sentences(identity) ==
          std::vector<std::string>{"3 of 5 validation images are among the training images, too, pixel by "
                                   "pixel ('v1' of class 'ant' is "
                                   "'t0' of class 'ant'): what is measured on them is memory"});
}

TEST_CASE("repeated images: one of another class, in one part or in two") {
    const DatasetIdentity identity = identity_with(
        {{"", 0, training, 9}, {"", 1, training, 9}, {"", 0, training, 4}, {"", 1, validation, 4}});
    const RepeatedImages repeated = repeated_images(identity);
    CHECK(repeated.trained_on == Pairs{{3, 2}});
    CHECK(repeated.contradictory == Pairs{{0, 1}, {1, 0}, {2, 3}, {3, 2}});
    CHECK(
        sentences(identity) ==
        std::vector<std::string>{
            "1 of 1 validation images is among the training images, too, pixel by pixel (one of class 'bee' "
            "is one "
            "of class 'ant'): what is measured on it is memory",
            "4 images are, pixel by pixel, images of another class, too (one of class 'ant' is one of class "
            "'bee'): no model gets both right"});
}

TEST_CASE("repeated images: what is left out is neither trained on nor measured") {
    CHECK(sentences(identity_with({{"a", 0, training, 1}, {"b", 0, left_out, 2}, {"c", 0, validation, 2}}))
              .empty());
    CHECK(sentences(identity_with({{"a", 0, training, 1}, {"b", 1, left_out, 1}})).empty());
}

TEST_CASE("repeated images: as by comparing each image with all others") {
    std::mt19937 random(3);
    for (int trial = 0; trial < 50; ++trial) {
        std::vector<KnownImage> images;
        for (const Part part : {training, validation, left_out}) {
            for (int i = 0; i < 20; ++i)
                images.push_back({"", static_cast<int32_t>(random() % 2), part, random() % 30});
        }
        Pairs trained_on, contradictory;
        const auto first_like = [&](const KnownImage& image, const auto& matches) {
            for (size_t j = 0; j < images.size(); ++j) {
                if (images[j].pixels == image.pixels && images[j].part != left_out && matches(images[j]))
                    return static_cast<int64_t>(j);
            }
            return int64_t{-1};
        };
        for (size_t i = 0; i < images.size(); ++i) {
            if (images[i].part == left_out) continue;
            const auto index = static_cast<int64_t>(i);
            const int64_t trained =
                first_like(images[i], [](const KnownImage& other) { return other.part == training; });
            if (images[i].part == validation && trained >= 0) trained_on.push_back({index, trained});
            const int64_t other = first_like(
                images[i], [&](const KnownImage& image) { return image.label != images[i].label; });
            if (other >= 0) contradictory.push_back({index, other});
        }
        const RepeatedImages repeated = repeated_images(identity_with(images));
        CHECK(repeated.trained_on == trained_on);
        CHECK(repeated.contradictory == contradictory);
    }
}

TEST_CASE("repeated images: a file that lies in both folders, under another name") {
    const TemporaryFolder folder;
    const auto root = folder.path() / "set";
    for (int i = 0; i < 4; ++i) {
        write_image(root / "train/ant" / (std::to_string(i) + ".ppm"), 8, 8, static_cast<uint8_t>(i), 1, 2);
        write_image(root / "val/ant" / (std::to_string(i) + ".ppm"), 8, 8, static_cast<uint8_t>(9 + i), 1, 2);
    }
    write_image(root / "train/bee/0.ppm", 8, 8, 3, 2, 1);
    write_image(root / "val/bee/other.ppm", 8, 8, 3, 2, 1);
    const DatasetIdentity identity = identity_of(load_dataset(folder_options(root, folder.path() / "cache")));
    const std::vector<std::string> all = sentences(identity);
    REQUIRE(all.size() == 1);
    CHECK(all.front().starts_with("1 of 5 validation images is among the training images, too"));
    CHECK(all.front().find("bee/other.ppm") != std::string::npos);
}

// Which images are held out for validation: the same share of each class, and no image on one side whose copy is on the other.

#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>

#include "data/formats.h"
#include "data/repeated_images.h"
#include "tests/data/support.h"

using namespace vitrine;
using namespace vitrine::test;

namespace {

/// How many samples of a part are like that.
int64_t count_of(const std::vector<int64_t>& part, const auto& matches) {
    return std::ranges::count_if(part, [&](int64_t i) { return matches(static_cast<size_t>(i)); });
}

}  // namespace

TEST_CASE("split: contents that are all different change nothing") {
    std::mt19937 random(1);
    std::vector<int32_t> labels(200);
    std::vector<uint64_t> contents(200);
    for (size_t i = 0; i < labels.size(); ++i) {
        labels[i] = static_cast<int32_t>(random() % 5);
        contents[i] = 1000 - i;
    }
    const Split plain = stratified_split(labels, 0.3, 7), split = stratified_split(labels, 0.3, 7, contents);
    CHECK(split.held_out == plain.held_out);
    CHECK(split.kept == plain.kept);
}

TEST_CASE(
    "split: samples of a class with the same content stay together, and the shares stay about as large") {
    std::mt19937 random(2);
    int64_t separated = 0;
    for (uint64_t seed = 0; seed < 100; ++seed) {
        const double share = 0.1 + 0.8 * static_cast<double>(seed) / 100;
        std::vector<int32_t> labels(150);
        std::vector<uint64_t> contents(150);
        for (size_t i = 0; i < labels.size(); ++i) {
            labels[i] = static_cast<int32_t>(random() % 3);
            contents[i] = random() % 60 * 3 + static_cast<uint64_t>(labels[i]);
        }
        const Split split = stratified_split(labels, share, seed, contents);
        CHECK(split.kept.size() + split.held_out.size() == labels.size());
        CHECK(std::ranges::is_sorted(split.kept));
        CHECK(std::ranges::is_sorted(split.held_out));
        std::set<std::pair<int32_t, uint64_t>> held_out;
        for (const int64_t i : split.held_out)
            held_out.emplace(labels[static_cast<size_t>(i)], contents[static_cast<size_t>(i)]);
        const auto has_copy = [&](size_t i) { return held_out.contains({labels[i], contents[i]}); };
        CHECK(count_of(split.kept, has_copy) == 0);
        for (int32_t label = 0; label < 3; ++label) {
            const auto of_class = [&](size_t i) { return labels[i] == label; };
            const auto size = static_cast<double>(std::ranges::count(labels, label));
            const auto held = static_cast<double>(count_of(split.held_out, of_class));
            CHECK(held <= share * size + 0.5);
            CHECK(held >= share * size - 2.5);  // no group that is left is small enough
        }
        const Split plain = stratified_split(labels, share, seed);
        for (const int64_t i : plain.kept) {
            separated += count_of(plain.held_out, [&](size_t other) {
                return labels[other] == labels[static_cast<size_t>(i)] &&
                       contents[other] == contents[static_cast<size_t>(i)];
            });
        }
    }
    CHECK(separated > 1000);  // what not looking at contents would have done
}

TEST_CASE("split: what is in several classes is on one side, too") {
    std::mt19937 random(4);
    for (uint64_t seed = 0; seed < 50; ++seed) {
        std::vector<int32_t> labels(150);
        std::vector<uint64_t> contents(150);
        for (size_t i = 0; i < labels.size(); ++i) {
            labels[i] = static_cast<int32_t>(random() % 3);
            contents[i] = random() % 300;
        }
        const auto separated = [&](const Split& split) {
            int64_t count = 0;
            for (const int64_t i : split.held_out) {
                count += count_of(split.kept, [&](size_t other) {
                    return contents[other] == contents[static_cast<size_t>(i)];
                });
            }
            return count;
        };
        const Split split = stratified_split(labels, 0.3, seed, contents);
        CHECK(separated(split) == 0);
        CHECK(separated(stratified_split(labels, 0.3, seed)) > 0);
        CHECK(split.kept.size() + split.held_out.size() == labels.size());
        CHECK(split.held_out.size() > 20);
    }
    // Nothing of class 1 is its own.
    const Split shared = stratified_split({0, 0, 0, 1, 1}, 0.4, 3, std::vector<uint64_t>{1, 2, 3, 1, 2});
    CHECK(shared.held_out.size() == 2);
    CHECK(shared.held_out.front() == 2);
}

TEST_CASE(
    "split: of large groups the smallest is held out, and a class of copies alone is divided all the same") {
    const std::vector<int32_t> labels(9, 0);
    const std::vector<uint64_t> three{5, 5, 5, 5, 5, 5, 6, 6, 6};
    CHECK(stratified_split(labels, 0.1, 3, three).held_out == std::vector<int64_t>{6, 7, 8});
    const std::vector<uint64_t> one(9, 5);
    CHECK(stratified_split(labels, 0.2, 3, one).held_out == stratified_split(labels, 0.2, 3).held_out);
    CHECK(stratified_split(labels, 0.2, 3, one).held_out.size() == 2);
    CHECK(stratified_split({0}, 0.5, 3, std::vector<uint64_t>{5}).held_out.empty());
}

TEST_CASE("split: copies of images in a folder of classes are on one side") {
    const TemporaryFolder folder;
    const auto root = folder.path() / "set";
    for (int i = 0; i < 20; ++i) {
        for (const char* copy : {"", " (1)", " (2)"}) {
            write_image(root / "ant" / (std::to_string(i) + copy + ".ppm"), 8, 8, static_cast<uint8_t>(i), 1,
                        2);
            write_image(root / "bee" / (std::to_string(i) + copy + ".ppm"), 8, 8, static_cast<uint8_t>(i), 2,
                        1);
        }
    }
    DatasetOptions options = folder_options(root, folder.path() / "cache");
    for (const uint64_t seed : {1, 2, 3}) {
        options.seed = seed;
        options.validation = 0.2;
        const Dataset dataset = load_dataset(options);
        CHECK(dataset.validation.count == 24);
        CHECK(repeated_images(identity_of(dataset)).trained_on.empty());
    }
}

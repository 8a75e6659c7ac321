// Epochs of images that are drawn by the weights of their classes.

#include "data/weighted_sampler.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <limits>
#include <set>

#include "data/loader.h"
#include "engine/error.h"
#include "tests/data/support.h"

using namespace vitrine;
using namespace vitrine::test;

namespace {

/// `images[k]` of class k, the classes in turns as long as they have any.
std::vector<int32_t> labels_of(std::vector<int64_t> images) {
    std::vector<int32_t> labels;
    for (bool some = true; some;) {
        some = false;
        for (size_t k = 0; k < images.size(); ++k) {
            if (images[k]-- <= 0) continue;
            labels.push_back(static_cast<int32_t>(k));
            some = true;
        }
    }
    return labels;
}

/// Σ (seen − expected)² / expected of how often each number was drawn.
double chi_square(const std::vector<int64_t>& drawn, const std::vector<double>& shares) {
    std::vector<double> seen(shares.size());
    for (const int64_t each : drawn) ++seen.at(static_cast<size_t>(each));
    double sum = 0.0;
    for (size_t i = 0; i < shares.size(); ++i) {
        const double expected = shares[i] * static_cast<double>(drawn.size());
        sum += (seen[i] - expected) * (seen[i] - expected) / expected;
    }
    return sum;
}

/// One pixel each; labels 0, 1, 2, 0, 1, …
ImageSet tiny_set(int64_t count) {
    ImageSet set{count, 1, 1, {}, {}, {}};
    const auto pixels = std::make_shared<std::vector<uint8_t>>(static_cast<size_t>(3 * count));
    for (int64_t i = 0; i < count; ++i) {
        set.labels.push_back(static_cast<int32_t>(i % 3));
        set.rows.push_back(i);
    }
    set.pixels = {pixels, pixels->data(), count};
    return set;
}

struct Epoch {
    std::vector<int64_t> samples, positions;
    std::vector<int32_t> labels;
    bool operator==(const Epoch&) const = default;
};

Epoch epoch_of(Loader& loader, int64_t epoch, int64_t first_batch = 0) {
    Epoch all;
    loader.start_epoch(epoch, first_batch);
    for (Batch batch; loader.next(batch);) {
        all.samples.insert(all.samples.end(), batch.samples.begin(), batch.samples.end());
        all.positions.insert(all.positions.end(), batch.positions.begin(), batch.positions.end());
        all.labels.insert(all.labels.end(), batch.labels.begin(), batch.labels.end());
    }
    return all;
}

}  // namespace

TEST_CASE("each image is drawn as often as its class's weight says, whatever the others of its class") {
    const std::vector<int64_t> images{60, 30, 9, 1};
    const std::vector<int32_t> labels = labels_of(images);
    for (const std::vector<double>& weights :
         {std::vector<double>{1.0 / 60, 1.0 / 30, 1.0 / 9, 1.0}, std::vector<double>{1, 1, 1, 1},
          std::vector<double>{3e300, 1e300, 2e300, 1.7e308}, std::vector<double>{0.2, 5, 0.5, 7}}) {
        const WeightedSampler sampler(labels, weights);
        std::vector<double> of_images;
        double sum = 0.0;
        for (const int32_t label : labels) {
            of_images.push_back(weights[static_cast<size_t>(label)] / weights[3]);
            sum += of_images.back();
        }
        for (double& share : of_images) share /= sum;
        // Ninety-nine degrees of freedom: one of a thousand fair draws is above 148.
        CHECK(chi_square(sampler.draw(/*seed=*/4, /*epoch=*/1, 40'000), of_images) < 148.2);
        CHECK(chi_square(sampler.draw(5, 1, 40'000), of_images) < 148.2);
    }
}

TEST_CASE("balanced weights make each class come as often") {
    const std::vector<int64_t> images{200, 10, 1};
    const std::vector<int32_t> labels = labels_of(images);
    const WeightedSampler sampler(labels, std::vector<double>{1.0 / 200, 1.0 / 10, 1.0});
    std::vector<int64_t> classes;
    for (const int64_t sample : sampler.draw(7, 0, 30'000))
        classes.push_back(labels[static_cast<size_t>(sample)]);
    CHECK(chi_square(classes, {1.0 / 3, 1.0 / 3, 1.0 / 3}) < 13.8);  // two degrees of freedom
}

TEST_CASE("draws are independent: neither a draw nor an epoch tells anything of the next") {
    const WeightedSampler sampler(labels_of({3, 3}), std::vector<double>{1, 1});
    const std::vector<int64_t> first = sampler.draw(1, 0, 36'001), second = sampler.draw(1, 1, 36'001);
    std::vector<int64_t> in_a_row, in_epochs;
    for (size_t i = 0; i + 1 < first.size(); ++i) {
        in_a_row.push_back(6 * first[i] + first[i + 1]);
        in_epochs.push_back(6 * first[i] + second[i]);
    }
    const std::vector<double> alike(36, 1.0 / 36);  // thirty-five degrees of freedom
    CHECK(chi_square(in_a_row, alike) < 66.6);
    CHECK(chi_square(in_epochs, alike) < 66.6);
}

TEST_CASE("a class without weight or without images is never drawn, wherever it stands") {
    const std::vector<int32_t> labels = labels_of({5, 0, 3, 4});
    for (const std::vector<double>& weights :
         {std::vector<double>{0, 9, 1, 0}, std::vector<double>{0, 0, 1e-300, 0}}) {
        const WeightedSampler sampler(labels, weights);
        for (const int64_t sample : sampler.draw(2, 3, 2000)) CHECK(labels[static_cast<size_t>(sample)] == 2);
    }
    CHECK(error_of([&] {
              WeightedSampler(labels, std::vector<double>{0, 1, 0, 0});
          }) == "no class that has images has a weight above 0 to be drawn by");
    for (const double wrong :
         {-1.0, std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity()})
        CHECK(error_of([&] {
                  WeightedSampler(labels, std::vector<double>{1, wrong, 1, 1});
              }) == "a weight that images are drawn by is negative or not finite");
}

TEST_CASE(
    "an epoch of the loader by weights: as many batches, a pure function of seed and epoch, resumed "
    "anywhere") {
    const ImageSet set = tiny_set(50);
    LoaderOptions options{.batch_size = 8, .class_weights = {1, 2, 0}, .seed = 9};
    Loader loader(set, options);
    CHECK(loader.batches() == 7);
    const Epoch whole = epoch_of(loader, 2);
    REQUIRE(whole.samples.size() == 50);
    CHECK(whole.samples == WeightedSampler(set.labels, options.class_weights).draw(9, 2, 50));
    for (size_t i = 0; i < 50; ++i) {
        CHECK(whole.labels[i] == whole.samples[i] % 3);
        CHECK(whole.positions[i] == static_cast<int64_t>(i));
    }
    CHECK(std::set<int64_t>(whole.samples.begin(), whole.samples.end()).size() < 34);
    CHECK_FALSE(whole == epoch_of(loader, 3));
    CHECK(whole == epoch_of(loader, 2));
    for (const int threads : {1, 3}) {
        options.threads = threads;
        Loader other(set, options);
        for (int64_t batch = 0; batch <= 7; ++batch) {
            const Epoch rest = epoch_of(other, 2, batch);
            const auto begin = std::min<int64_t>(8 * batch, 50);
            CHECK(rest.samples == std::vector<int64_t>(whole.samples.begin() + begin, whole.samples.end()));
            CHECK(rest.positions ==
                  std::vector<int64_t>(whole.positions.begin() + begin, whole.positions.end()));
        }
    }
    options.seed = 10;
    Loader other(set, options);
    CHECK_FALSE(whole == epoch_of(other, 2));
    // Where each comes once, its number is enough to tell it from the others.
    Loader shuffled(set, {.batch_size = 8, .seed = 9});
    CHECK(epoch_of(shuffled, 2).positions.empty());
}

// The loader: order, resuming, threads, endings and failures.

#include "data/loader.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <mutex>
#include <numeric>
#include <set>
#include <span>
#include <stdexcept>
#include <utility>

#include "engine/error.h"
#include "engine/random.h"
#include "tests/data/support.h"

using namespace vitrine;
using namespace vitrine::test;

namespace {

/// `count` images of 2 x 3 pixels; every byte of image i is i, its label is i mod 7.
ImageSet numbered_set(int64_t count) {
    ImageSet set{count, 2, 3, {}, {}, {}};
    const auto pixels = std::make_shared<std::vector<uint8_t>>();
    for (int64_t i = 0; i < count; ++i) {
        set.labels.push_back(static_cast<int32_t>(i % 7));
        set.rows.push_back(i);
        pixels->insert(pixels->end(), 18, static_cast<uint8_t>(i));
    }
    set.pixels = {pixels, pixels->data(), count};
    return set;
}

std::vector<int64_t> samples_of_epoch(Loader& loader, int64_t epoch, int64_t first_batch = 0) {
    std::vector<int64_t> samples;
    Batch batch;
    loader.start_epoch(epoch, first_batch);
    while (loader.next(batch)) samples.insert(samples.end(), batch.samples.begin(), batch.samples.end());
    return samples;
}

}  // namespace

TEST_CASE("a batch holds the images and labels of its samples") {
    const ImageSet set = numbered_set(100);
    Loader loader(set, {.batch_size = 32, .seed = 5});
    CHECK(loader.batches() == 4);
    loader.start_epoch(0);
    Batch batch;
    std::vector<int64_t> counts;
    while (loader.next(batch)) {
        counts.push_back(batch.count);
        REQUIRE(static_cast<int64_t>(batch.images.size()) == batch.count * set.place(0).bytes());
        for (int64_t i = 0; i < batch.count; ++i) {
            const int64_t sample = batch.samples[static_cast<size_t>(i)];
            CHECK(batch.labels[static_cast<size_t>(i)] == sample % 7);
            const auto first = batch.images.begin() + i * set.place(0).bytes();
            CHECK(std::all_of(first, first + set.place(0).bytes(),
                              [&](uint8_t value) { return value == sample; }));
        }
    }
    CHECK(counts == std::vector<int64_t>{32, 32, 32, 4});
    CHECK(!loader.next(batch));
}

TEST_CASE("the order is the permutation of seed and epoch, whatever the threads and the queue") {
    const ImageSet set = numbered_set(97);
    for (const int threads : {1, 2, 5}) {
        for (const int queue : {1, 3, 50}) {
            CAPTURE(threads);
            CAPTURE(queue);
            Loader loader(set, {.batch_size = 10, .seed = 3, .threads = threads, .queue = queue});
            for (const int64_t epoch : {0, 1, 7}) {
                CHECK(samples_of_epoch(loader, epoch) ==
                      random_permutation({3, RandomPurpose::shuffle, static_cast<uint32_t>(epoch)}, 97));
            }
        }
    }
}

TEST_CASE("epochs and seeds differ, and each is a permutation") {
    const ImageSet set = numbered_set(50);
    Loader first(set, {.batch_size = 8, .seed = 1}), second(set, {.batch_size = 8, .seed = 2});
    const auto order = samples_of_epoch(first, 0);
    CHECK(std::set<int64_t>(order.begin(), order.end()).size() == 50);
    CHECK(order != samples_of_epoch(first, 1));
    CHECK(order != samples_of_epoch(second, 0));
    CHECK(order == samples_of_epoch(first, 0));
}

TEST_CASE("without shuffling the order is that of the set") {
    const ImageSet set = numbered_set(20);
    Loader loader(set, {.batch_size = 6, .shuffle = false});
    std::vector<int64_t> expected(20);
    std::iota(expected.begin(), expected.end(), 0);
    CHECK(samples_of_epoch(loader, 4) == expected);
}

TEST_CASE("drop_last leaves out a last batch that is not full") {
    const ImageSet set = numbered_set(20);
    Loader loader(set, {.batch_size = 6, .shuffle = false, .drop_last = true});
    CHECK(loader.batches() == 3);
    CHECK(samples_of_epoch(loader, 0).size() == 18);
    Loader even(set, {.batch_size = 5, .drop_last = true});
    CHECK(samples_of_epoch(even, 0).size() == 20);
}

TEST_CASE("an epoch resumed at a batch gives the rest of the same epoch") {
    const ImageSet set = numbered_set(40);
    Loader loader(set, {.batch_size = 8, .seed = 9, .threads = 3});
    const auto whole = samples_of_epoch(loader, 2);
    for (int64_t batch = 0; batch <= 5; ++batch) {
        CHECK(samples_of_epoch(loader, 2, batch) ==
              std::vector<int64_t>(whole.begin() + 8 * batch, whole.end()));
    }
    CHECK_THROWS_AS(loader.start_epoch(0, 6), std::logic_error);
}

TEST_CASE("an epoch can be left in the middle, by another epoch or for good") {
    const ImageSet set = numbered_set(60);
    for (int repeat = 0; repeat < 50; ++repeat) {
        Loader loader(set, {.batch_size = 4, .seed = 1, .threads = 3, .queue = 2});
        Batch batch;
        loader.start_epoch(0);
        for (int i = 0; i < repeat % 6; ++i) REQUIRE(loader.next(batch));
        const auto order = samples_of_epoch(loader, 1);
        REQUIRE(order == random_permutation({1, RandomPurpose::shuffle, 1}, 60));
        loader.start_epoch(2);
        REQUIRE(loader.next(batch));
    }
}

namespace {

/// What a set's file is asked for.
class AskedFile : public PixelFile {
  public:
    void require_intact() const override {}
    void check(int64_t row) const override { fetch({{row}}); }
    void fetch(std::span<const int64_t> rows) const override {
        const std::lock_guard lock(mutex_);
        asked_.insert(rows.begin(), rows.end());
    }
    uint64_t hash(int64_t) const override { return 0; }

    std::set<int64_t> taken() const {
        const std::lock_guard lock(mutex_);
        return std::exchange(asked_, {});
    }

  private:
    mutable std::mutex mutex_;
    mutable std::set<int64_t> asked_;
};

/// Of a part of the batch; none where it has no pixels.
std::vector<uint8_t> pixels_of(const Batch& batch, const Batch& part) {
    if (batch.images.empty()) return {};
    const ImagePlace& last = part.places.back();
    return {batch.images.begin() + part.places.front().offset,
            batch.images.begin() + last.offset + last.bytes()};
}

}  // namespace

TEST_CASE("a loader reads its share of each batch and nothing else") {
    constexpr int64_t parts = 4, first = 1, count = 2;
    const ImageSet whole_set = numbered_set(96);
    ImageSet set = whole_set;
    const auto file = std::make_shared<AskedFile>();
    set.pixels.file = file;
    for (const bool pixels : {true, false}) {
        Loader loader(set, {.batch_size = 32, .seed = 5, .pixels = pixels, .share = {first, count, parts}});
        Loader whole(whole_set, {.batch_size = 32, .seed = 5, .pixels = pixels});
        loader.start_epoch(2);
        whole.start_epoch(2);
        std::set<int64_t> wanted;
        Batch batch, all;
        while (whole.next(all)) {
            REQUIRE(loader.next(batch));
            REQUIRE(batch.samples == all.samples);
            REQUIRE(batch.labels == all.labels);
            for (int64_t part = first; part < first + count; ++part) {
                const Batch own = part_of(batch, part, parts), its = part_of(all, part, parts);
                REQUIRE(pixels_of(batch, own) == pixels_of(all, its));
                wanted.insert(own.samples.begin(), own.samples.end());
            }
        }
        CHECK(!loader.next(batch));
        CHECK(file->taken() == wanted);
    }
}

TEST_CASE("a loader reads the batches of its turn and of the others nothing") {
    const ImageSet whole_set = numbered_set(50);
    ImageSet set = whole_set;
    const auto file = std::make_shared<AskedFile>();
    set.pixels.file = file;
    for (const bool pixels : {true, false}) {
        Loader loader(set, {.batch_size = 8, .shuffle = false, .pixels = pixels, .turn = {1, 3}});
        loader.start_epoch(0);
        std::set<int64_t> wanted;
        int64_t seen = 0;
        for (Batch batch; loader.next(batch); seen += batch.count) {
            const bool is_own = batch.index % 3 == 1;
            CHECK(batch.images.empty() == !(pixels && is_own));
            CHECK(batch.labels.size() == batch.samples.size());
            if (is_own) wanted.insert(batch.samples.begin(), batch.samples.end());
        }
        CHECK(seen == 50);
        CHECK(file->taken() == wanted);
    }
}

TEST_CASE("a share of a batch that has no equal parts is refused") {
    const ImageSet set = numbered_set(10);
    Loader loader(set, {.batch_size = 10, .share = {0, 1, 4}});
    loader.start_epoch(0);
    Batch batch;
    CHECK_THROWS_AS(loader.next(batch), std::logic_error);
}

TEST_CASE("the buffers of a batch are used again") {
    const ImageSet set = numbered_set(200);
    Loader loader(set, {.batch_size = 10, .queue = 2});
    std::set<const uint8_t*> buffers;
    Batch batch;
    for (int64_t epoch = 0; epoch < 3; ++epoch) {
        loader.start_epoch(epoch);
        while (loader.next(batch)) buffers.insert(batch.images.data());
    }
    CHECK(buffers.size() <= 3);  // two in the queue, one with the consumer
}

TEST_CASE("what a worker throws arrives in next, at its batch") {
    ImageSet set = numbered_set(30);
    set.rows[17] = 1000;  // past the pixels
    Loader loader(set, {.batch_size = 5, .shuffle = false, .threads = 2});
    loader.start_epoch(0);
    Batch batch;
    for (int i = 0; i < 3; ++i) CHECK(loader.next(batch));
    CHECK_THROWS_AS(loader.next(batch), std::out_of_range);
    CHECK_THROWS_AS(loader.next(batch), std::out_of_range);
    loader.start_epoch(1, 4);
    CHECK(loader.next(batch));
    CHECK(loader.next(batch));
    CHECK(!loader.next(batch));
}

TEST_CASE("the loader's options are checked") {
    const ImageSet set = numbered_set(3);
    CHECK(error_of([&] { Loader(set, {.batch_size = 0}); }) == "the batch size is 0; 1 or more is allowed");
    CHECK(contains(error_of([&] { Loader(set, {.threads = 0}); }), "the loader has 0 threads"));
    CHECK(contains(error_of([&] { Loader(set, {.batch_size = 4, .drop_last = true}); }),
                   "the set of 3 images does not fill a single batch of 4"));
    CHECK(contains(error_of([&] { Loader(numbered_set(0), {}); }), "the set of 0 images does not fill"));
}

TEST_CASE("the loader feeds more than 50,000 images of 28 x 28 a second") {
    constexpr int64_t count = 50'000;
    ImageSet set{count, 28, 28, std::vector<int32_t>(count, 1), std::vector<int64_t>(count), {}};
    std::iota(set.rows.begin(), set.rows.end(), 0);
    const auto pixels = std::make_shared<std::vector<uint8_t>>(static_cast<size_t>(count * 28 * 28 * 3), 3);
    set.pixels = {pixels, pixels->data(), count};
    Loader loader(set, {.batch_size = 128});
    Batch batch;
    double best = 1e9;  // of a few epochs: the machine may be busy
    for (int64_t epoch = 0; epoch < 4; ++epoch) {
        const auto start = std::chrono::steady_clock::now();
        loader.start_epoch(epoch);
        while (loader.next(batch)) {
        }
        const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
        best = std::min(best, seconds.count());
    }
    MESSAGE("images a second: " << static_cast<double>(count) / best);
#if !defined(__SANITIZE_ADDRESS__) && defined(NDEBUG)
    CHECK(static_cast<double>(count) / best > 50'000.0);
#endif
}

// From a set's samples to the network's input: the same on every device, and one size or an error.

#include "tools/common/input_maker.h"

#include <doctest/doctest.h>

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "kernels/threads.h"
#include "tests/data/support.h"

using namespace vitrine;
using namespace vitrine::test;

namespace {

/// Waves with noise; labels 0 … 4; the rows of the samples are not in order.
ImageSet picture_set(int64_t count, int64_t height, int64_t width) {
    ImageSet set{count, height, width, {}, {}, {}};
    const auto pixels = std::make_shared<std::vector<uint8_t>>();
    for (int64_t i = 0; i < count; ++i) {
        set.labels.push_back(static_cast<int32_t>(i % 5));
        set.rows.push_back(count - 1 - i);
        for (int64_t p = 0; p < 3 * height * width; ++p) {
            const RandomKey key{.seed = 5, .sample = static_cast<uint32_t>(i)};
            pixels->push_back(static_cast<uint8_t>(
                (p * (i + 2)) % 160 + static_cast<int64_t>(random_below(key, static_cast<uint64_t>(p), 60))));
        }
    }
    set.pixels = {pixels, pixels->data(), count};
    return set;
}

Transforms transforms_of(const std::string& text) {
    return parse_transforms("[transforms]\n" + text, "recipe");
}

/// The inputs of an epoch's batches, one after the other.
std::vector<float> inputs(const ImageSet& set, const InputMaker& maker, uint32_t epoch, int64_t batch_size) {
    Loader loader(set, {.batch_size = batch_size, .seed = 3, .pixels = maker.needs_pixels()});
    loader.start_epoch(epoch);
    std::vector<float> all;
    for (Batch batch; loader.next(batch);) {
        const NetworkInput input = maker.make(batch, epoch);
        CHECK(input.images.shape() ==
              Shape{batch.count, maker.output_size().height, maker.output_size().width, 3});
        CHECK(input.labels.to_host<int32_t>() == batch.labels);
        const std::vector<float> values = input.images.to_host<float>();
        all.insert(all.end(), values.begin(), values.end());
    }
    return all;
}

}  // namespace

TEST_CASE("evaluation is the normalised pixels of the batch's samples") {
    const ImageSet set = picture_set(10, 6, 5);
    const Transforms transforms =
        transforms_of("normalize = { mean = [0.1, 0.2, 0.3], std = [0.5, 0.25, 0.125] }");
    for (const Device device : {Device::reference, Device::cpu, Device::simt}) {
        const InputMaker maker(set, transforms.evaluation, {DType::f64, device});
        CHECK(!maker.needs_pixels());
        const Batch batch = batch_of(set, {7, 1});
        const std::vector<double> values = maker.make(batch, 0).images.to_host<double>();
        const std::array<double, 3> mean{0.1, 0.2, 0.3}, deviation{0.5, 0.25, 0.125};
        REQUIRE(values.size() == 2 * 6 * 5 * 3);
        for (size_t i = 0; i < values.size(); ++i) {
            const uint8_t* pixels = set.image(batch.samples[i / 90]);
            CHECK(values[i] ==
                  doctest::Approx((pixels[i % 90] / 255.0 - mean[i % 3]) / deviation[i % 3]).epsilon(1e-14));
        }
    }
}

TEST_CASE("only devices with memory of their own copy the set, and batches without pixels suffice") {
    const ImageSet set = picture_set(8, 4, 4);
    const InputMaker maker(set, EvalTransform{}, {DType::f32, Device::cpu});
    const long owners = set.pixels.owner.use_count();
    {
        const InputMaker another(set, EvalTransform{}, {DType::f32, Device::cpu});
        CHECK(set.pixels.owner.use_count() == owners + 1);
        const InputMaker copied(set, EvalTransform{}, {DType::f32, Device::simt});
        CHECK(set.pixels.owner.use_count() == owners + 1);
    }
    CHECK(set.pixels.owner.use_count() == owners);
    Loader loader(set, {.batch_size = 3, .pixels = false});
    loader.start_epoch(0);
    int64_t index = 0;
    for (Batch batch; loader.next(batch); ++index) {
        CHECK(batch.images.empty());
        CHECK(batch.index == index);
    }
    CHECK(index == 3);
}

TEST_CASE("all images of a batch have one size, or the error says why not") {
    const ImageSet set = picture_set(4, 40, 30);
    const Placement placement{DType::f32, Device::cpu};
    const auto size_of = [&](const std::string& text) {
        const Size2 size = InputMaker(set, transforms_of(text).train, placement, 1).output_size();
        return fmt::format("{}x{}", size.height, size.width);
    };
    CHECK(size_of("") == "40x30");
    CHECK(size_of("resize = 60") == "80x60");
    CHECK(size_of("augment = [ { op = \"random_resized_crop\", size = 24 } ]") == "24x24");
    const std::string sometimes =
        "{ op = \"random_apply\", p = 0.3, of = [ { op = \"random_resized_crop\", size = 24 } ] }";
    CHECK(size_of("augment = [ " + sometimes + ", { op = \"random_crop\", size = 20 } ]") == "20x20");
    CHECK(contains(error_of([&] { size_of("augment = [ " + sometimes + " ]"); }),
                   "leave images of 24×24 and of 30×40 pixels, but a batch has one size"));
    const std::string choice =
        "{ op = \"random_choice\", p = [1, 0], of = [ { op = \"random_crop\", size = 8 }, { op = "
        "\"random_crop\", "
        "size = 9 } ] }";
    CHECK(size_of("augment = [ " + choice + " ]") == "8x8");
    const Transforms cropped = transforms_of("validation = { resize = 32, center_crop = 28 }");
    CHECK(InputMaker(set, cropped.evaluation, placement).output_size().height == 28);
}

TEST_CASE("an epoch's inputs are the same bits on every device, whatever the batches") {
    const ImageSet set = picture_set(13, 12, 12);
    const Transforms transforms = transforms_of(
        "resize = 20\n"
        "augment = [ { op = \"rand_augment\" }, { op = \"random_crop\", size = 16, padding = 3 } ]\n"
        "normalize = { mean = [0.485, 0.456, 0.406], std = [0.229, 0.224, 0.225] }\n");
    const InputMaker first(set, transforms.train, {DType::f32, Device::cpu}, 9);
    const std::vector<float> expected = inputs(set, first, 1, 5);
    CHECK(expected != inputs(set, first, 2, 5));
    CHECK(expected == inputs(set, first, 1, 4));
    const InputMaker other_seed(set, transforms.train, {DType::f32, Device::cpu}, 10);
    CHECK(expected != inputs(set, other_seed, 1, 5));
    const InputMaker simt(set, transforms.train, {DType::f32, Device::simt}, 9);
    CHECK(expected == inputs(set, simt, 1, 5));
}

namespace {

const char* const everything =
    "resize = 20\n"
    "augment = [ { op = \"trivial_augment_wide\" }, { op = \"random_crop\", size = 16, padding = 3 } ]\n"
    "noise = { op = \"poisson_noise\", rate = 5, after_normalize = AFTER }\n"
    "normalize = { mean = [0.485, 0.456, 0.406], std = [0.229, 0.224, 0.225] }\n"
    "erasing = [ { op = \"random_erasing\", p = 0.7, value = \"random\" },"
    " { op = \"random_erasing\", p = 0.6, value = [0.5, -1, 2] } ]\n"
    "batch = { MIX }\n";

std::string filled(std::string text, const std::string& after, const std::string& mix) {
    text.replace(text.find("AFTER"), 5, after);
    text.replace(text.find("MIX"), 3, mix);
    return text;
}

}  // namespace

TEST_CASE(
    "pipelines with noise, erasing and mixing give the same bits on every device and with any threads") {
    const ImageSet set = picture_set(13, 12, 12);
    for (const char* after : {"false", "true"})
        for (const char* mix : {"", "mixup = 0.4", "cutmix = 1.0", "mixup = 0.2, cutmix = 1.0"}) {
            CAPTURE(after);
            CAPTURE(mix);
            const TrainTransform train = transforms_of(filled(everything, after, mix)).train;
            const InputMaker reference(set, train, {DType::f32, Device::reference}, 9);
            const std::vector<float> expected = inputs(set, reference, 1, 5);
            for (const int count : {1, 2}) {
                set_threads(count);
                for (const Device device : {Device::cpu, Device::simt}) {
                    const InputMaker maker(set, train, {DType::f32, device}, 9);
                    const bool same = inputs(set, maker, 1, 5) == expected;
                    CHECK_MESSAGE(same, name_of(device));
                }
            }
            set_threads(0);
        }
}

TEST_CASE("noise lifts a batch by its numbers over the largest, and is clipped") {
    ImageSet set = picture_set(4, 16, 16);
    set.pixels = {nullptr, nullptr, 4};
    const std::vector<uint8_t> black(static_cast<size_t>(4 * set.place(0).bytes()), 51);
    set.pixels.data = black.data();
    const TrainTransform noisy =
        transforms_of("noise = { op = \"poisson_noise\", rate = 5, clip = false }").train;
    const InputMaker maker(set, noisy, {DType::f64, Device::cpu}, 2);
    const Batch batch = batch_of(set, {3, 1, 0, 2});
    const std::vector<double> values = maker.make(batch, 0).images.to_host<double>();
    CHECK(*std::ranges::max_element(values) == 1.2);
    const double largest = [&] {  // the numbers are whole, so a step is 1 / largest
        double step = 1.0;
        for (const double value : values)
            if (value > 0.2 + 1e-9) step = std::min(step, value - 0.2);
        return 1.0 / step;
    }();
    double mean = 0.0;
    for (const double value : values) {
        const double number = (value - 0.2) * largest;
        CHECK_FALSE(std::abs(number - std::round(number)) > 1e-9);
        mean += number / static_cast<double>(values.size());
    }
    CHECK(std::abs(mean - 5.0) < 4.5 * std::sqrt(5.0 / static_cast<double>(values.size())));
    TrainTransform clipped = noisy;
    clipped.noise->clip = true;
    const std::vector<double> cut =
        InputMaker(set, clipped, {DType::f64, Device::cpu}, 2).make(batch, 0).images.to_host<double>();
    for (size_t i = 0; i < cut.size(); ++i) CHECK_FALSE(cut[i] != std::min(values[i], 1.0));
}

TEST_CASE("a mixed batch says whose labels its targets hold, and how much of each") {
    const ImageSet set = picture_set(6, 8, 8);
    Batch batch = batch_of(set, {0, 3, 4});
    batch.labels = {7, 8, 9};
    const Placement placement{DType::f64, Device::cpu};
    const InputMaker plain(set, TrainTransform{}, placement, 1);
    const std::vector<double> x = plain.make(batch, 2).images.to_host<double>();
    CHECK(!plain.make(batch, 2).labels_b.defined());
    CHECK(plain.make(batch, 2).lambda == 1.0);
    const size_t image = x.size() / 3;
    for (const char* mix : {"mixup = 0.5", "cutmix = 1.0"}) {
        const InputMaker maker(set, transforms_of(std::string("batch = { ") + mix + " }").train, placement,
                               1);
        double other_lambda = -1.0;
        for (batch.index = 0; batch.index < 4; ++batch.index) {
            const NetworkInput input = maker.make(batch, 2);
            CHECK(input.labels.to_host<int32_t>() == std::vector<int32_t>{7, 8, 9});
            CHECK(input.labels_b.to_host<int32_t>() == std::vector<int32_t>{9, 7, 8});
            CHECK(input.lambda != other_lambda);  // drawn anew for each batch
            other_lambda = input.lambda;
            const std::vector<double> y = input.images.to_host<double>();
            int64_t own = 0;
            for (size_t i = 0; i < y.size(); ++i) {
                const double before = x[(i + 2 * image) % y.size()];
                const double mixed = input.lambda * x[i] + (1 - input.lambda) * before;
                if (mix[0] == 'm')
                    CHECK(y[i] == doctest::Approx(mixed).epsilon(1e-12));
                else
                    CHECK_FALSE((y[i] != x[i] && y[i] != before));
                own += y[i] == x[i];
            }
            // An image keeps its share of the pixels; by chance some of the others are equal.
            if (mix[0] == 'c')
                CHECK(static_cast<double>(own) >= input.lambda * static_cast<double>(y.size()) - 1e-6);
        }
    }
}

TEST_CASE("an image that is drawn several times in an epoch is augmented anew each time") {
    ImageSet set = picture_set(8, 12, 12);
    std::ranges::fill(set.labels, 0);
    set.labels[5] = 1;  // the only one that has any weight
    for (const char* random : {"augment = [ { op = 'random_crop', size = 12, padding = 8 } ]",
                               "augment = [ { op = 'color_jitter', brightness = 0.9 } ]",
                               "erasing = { p = 1.0, value = 0 }", "noise = { rate = 3.0 }"}) {
        CAPTURE(random);
        const Transforms transforms = transforms_of(random);
        const InputMaker maker(set, transforms.train, {DType::f32, Device::cpu}, 3);
        const auto images_of = [&](int64_t epoch, int64_t first_batch) {
            Loader loader(
                set, {.batch_size = 4, .class_weights = {0, 1}, .seed = 3, .pixels = maker.needs_pixels()});
            loader.start_epoch(epoch, first_batch);
            std::vector<std::vector<float>> all;
            for (Batch batch; loader.next(batch);) {
                CHECK(batch.samples == std::vector<int64_t>(4, 5));
                const std::vector<float> values =
                    maker.make(batch, static_cast<uint32_t>(epoch)).images.to_host<float>();
                for (size_t n = 0; n < 4; ++n)
                    all.emplace_back(values.begin() + static_cast<std::ptrdiff_t>(n * 432),
                                     values.begin() + static_cast<std::ptrdiff_t>((n + 1) * 432));
            }
            return all;
        };
        const auto first = images_of(0, 0), second = images_of(1, 0);
        std::set<std::vector<float>> different(first.begin(), first.end());
        different.insert(second.begin(), second.end());
        CHECK(different.size() >= 12);  // of sixteen: some are the same by chance
        // From the middle of the epoch on, as after a resume.
        CHECK(images_of(0, 1) == std::vector<std::vector<float>>(first.begin() + 4, first.end()));
    }
}

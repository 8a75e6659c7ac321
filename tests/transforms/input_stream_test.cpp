// Inputs made ahead of the step are those that are made at need, on a device that does everything as late as it may, or
// early; and the host does not wait for it.

#include "tools/common/input_stream.h"

#include <doctest/doctest.h>

#include <memory>
#include <vector>

#include "engine/ops/ops.h"
#include "engine/random.h"
#include "engine/step/ahead.h"
#include "kernels/context.h"
#include "kernels/simt/launch.h"
#include "tests/data/support.h"
#include "tests/golden_devices.h"

using namespace vitrine;
using namespace vitrine::test;

namespace {

constexpr Placement simt_floats{DType::f32, Device::simt};

/// Noise; images of 9 to 14 pixels by 9 to 12, one after the other.
ImageSet set_of_sizes(int64_t count) {
    ImageSet set;
    set.count = count;
    const auto pixels = std::make_shared<std::vector<uint8_t>>();
    const auto places = std::make_shared<std::vector<ImagePlace>>();
    for (int64_t i = 0; i < count; ++i) {
        const ImagePlace place{.offset = std::ssize(*pixels),
                               .height = static_cast<int32_t>(9 + i % 6),
                               .width = static_cast<int32_t>(9 + i % 4)};
        places->push_back(place);
        set.labels.push_back(static_cast<int32_t>(i % 5));
        set.rows.push_back(i);
        const RandomKey key{.seed = 5, .sample = static_cast<uint32_t>(i)};
        for (int64_t p = 0; p < place.bytes(); ++p)
            pixels->push_back(static_cast<uint8_t>(random_below(key, static_cast<uint64_t>(p), 256)));
    }
    set.pixels = {.owner = pixels, .data = pixels->data(), .images = count, .places = places};
    return set;
}

TrainTransform transform() {
    return parse_transforms(
               "[transforms]\n"
               "augment = [ { op = \"random_resized_crop\", size = 8 }, { op = \"rand_augment\" } ]\n"
               "normalize = { mean = [0.485, 0.456, 0.406], std = [0.229, 0.224, 0.225] }\n",
               "recipe")
        .train;
}

/// Three kernels, which take memory of their own in between: what the network makes of its input.
Tensor step_on(const NetworkInput& input) {
    const Tensor doubled = ops::add(input.images, input.images);
    return ops::add(doubled, ops::add(doubled, input.images));
}

struct Case {
    int64_t shards = 1;
    int64_t room = 0;  // bytes of the device for the set
};

LoaderOptions options_of(const InputMaker& inputs, int64_t shards) {
    LoaderOptions options{.batch_size = 4, .seed = 3, .drop_last = true, .share = {0, shards, shards}};
    inputs.ask(options);
    return options;
}

/// What the steps of two epochs came to, the second from its third batch on; nothing is read before the end.
std::vector<std::vector<float>> streamed(const ImageSet& set, const Case& one, Device device) {
    const InputMaker inputs(set, transform(), {DType::f32, device}, 7, one.room);
    CHECK(inputs.needs_pixels() == (one.room == 0));
    Loader loader(set, options_of(inputs, one.shards));
    tools::InputStream stream(loader, inputs, {0, one.shards, one.shards});
    std::vector<Tensor> results;
    for (const int64_t epoch : {0, 1}) {
        stream.start_epoch(epoch, 2 * epoch);
        while (stream.next()) {
            for (int64_t shard = 0; shard < one.shards; ++shard) results.push_back(step_on(stream.take()));
        }
    }
    std::vector<std::vector<float>> values;
    for (const Tensor& result : results) values.push_back(result.to_host<float>());
    return values;
}

/// The same, each made at need by a device that does one thing at a time.
std::vector<std::vector<float>> at_need(const ImageSet& set, int64_t shards) {
    const InputMaker inputs(set, transform(), {DType::f32, Device::cpu}, 7);
    Loader loader(set, options_of(inputs, shards));
    std::vector<std::vector<float>> values;
    for (const int64_t epoch : {0, 1}) {
        loader.start_epoch(epoch, 2 * epoch);
        for (Batch batch; loader.next(batch);) {
            for (int64_t shard = 0; shard < shards; ++shard)
                values.push_back(step_on(inputs.make(part_of(batch, shard, shards), batch.images,
                                                     static_cast<uint32_t>(epoch)))
                                     .to_host<float>());
        }
    }
    return values;
}

/// Settings of the simt device until the end of the scope.
class SettingsScope {
  public:
    explicit SettingsScope(bool late) {
        simt::Settings settings = before_;
        settings.late = late;
        settings.check = false;
        simt::set_settings(settings);
    }
    ~SettingsScope() { simt::set_settings(before_); }
    SettingsScope(const SettingsScope&) = delete;
    SettingsScope& operator=(const SettingsScope&) = delete;

  private:
    const simt::Settings before_ = simt::settings();
};

}  // namespace

TEST_CASE("inputs made ahead are those made at need") {
    const ImageSet set = set_of_sizes(26);
    const auto check = [&](Device device) {
        CAPTURE(name_of(device));
        for (const Case& one : {Case{1, 0}, Case{2, 0}, Case{1, 1 << 20}, Case{4, 1 << 20}}) {
            CAPTURE(one.shards);
            CAPTURE(one.room);
            CHECK(streamed(set, one, device) == at_need(set, one.shards));
        }
    };
    for (const Device device : tests::golden_devices({Device::simt})) {
        check(device);
        const SettingsScope late(true);
        if (device == Device::simt) check(device);
    }
}

TEST_CASE("what is made ahead shares no memory with the step") {
    const auto memory = [] { return Tensor::empty({777}, simt_floats).data(); };  // of a tensor that is gone
    const Scratch* const scratch_of_step = &context(Device::simt).scratch;
    const void *of_lane = nullptr, *of_step = memory();
    {
        const AheadOfStep ahead(Device::simt);
        CHECK(&context(Device::simt).scratch != scratch_of_step);
        of_lane = memory();
        CHECK(memory() == of_lane);
    }
    CHECK(&context(Device::simt).scratch == scratch_of_step);
    CHECK(of_lane != of_step);
    CHECK(memory() == of_step);
    const AheadOfStep again(Device::simt);
    CHECK(memory() == of_lane);
}

TEST_CASE("an epoch that is left in the middle leaves nothing to the next one") {
    const ImageSet set = set_of_sizes(26);
    const InputMaker inputs(set, transform(), simt_floats, 7, 0);
    Loader loader(set, options_of(inputs, 1));
    tools::InputStream stream(loader, inputs);
    for (const int64_t epoch : {0, 1, 1}) {
        stream.start_epoch(epoch);
        for (int i = 0; i < 3; ++i) {
            REQUIRE(stream.next());
            CHECK(stream.batch().index == i);
            const std::vector<float> values = stream.take().images.to_host<float>();
            CHECK(values ==
                  inputs.make(stream.batch(), static_cast<uint32_t>(epoch)).images.to_host<float>());
        }
    }
}

TEST_CASE("what a loader's thread throws comes with its batch, and not with the one before") {
    ImageSet set = set_of_sizes(12);
    set.rows[9] = 1000;  // past the pixels
    const InputMaker inputs(set_of_sizes(12), transform(), simt_floats, 7, 0);
    LoaderOptions options = options_of(inputs, 1);
    options.shuffle = false;
    Loader loader(set, options);
    tools::InputStream stream(loader, inputs);
    stream.start_epoch(0);
    for (int i = 0; i < 2; ++i) {
        REQUIRE(stream.next());
        CHECK_NOTHROW(stream.take());
    }
    CHECK_THROWS(stream.next());
}

TEST_CASE("the host waits for no copy of an epoch's small arrays") {
    const ImageSet set = set_of_sizes(80);
    const SettingsScope settings(false);
    const InputMaker inputs(set, transform(), simt_floats, 7, 1 << 20);
    Loader loader(set, options_of(inputs, 1));
    tools::InputStream stream(loader, inputs);
    // Fills the ring that copies go through, and begins anew: of those before none is under way any more.
    const Tensor large =
        Tensor::from_host(std::vector<uint8_t>(size_t{32} << 20), {32 << 20}, {DType::u8, Device::simt});
    const Tensor small = Tensor::from_host(std::vector<int32_t>{1}, {1}, {DType::i32, Device::simt});
    const uint64_t waits = simt::launch_log().waits(), launches = simt::launch_log().count();
    stream.start_epoch(0);
    while (stream.next()) step_on(stream.take());
    CHECK(simt::launch_log().waits() == waits);
    CHECK(simt::launch_log().count() > launches + 60);
}

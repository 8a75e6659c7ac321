// Every device that can be used gives the bytes of the reference, whatever the batch and the threads.

#include <doctest/doctest.h>

#include <fmt/format.h>

#include "data/transforms/pipeline.h"
#include "kernels/simt/launch.h"
#include "kernels/threads.h"
#include "tests/golden_devices.h"
#include "tests/transforms/augment_on_device.h"

namespace vitrine {
namespace {

test::AugmentBatch drawn(const Transforms& transforms, Size2 in, int64_t count, uint32_t epoch) {
    test::AugmentBatch batch(in);
    for (int64_t n = 0; n < count; ++n) {
        Program program{.width = in.width, .height = in.height};
        transforms.train.draw(3, epoch, static_cast<uint32_t>(n), program);
        batch.add(program);
    }
    return batch;
}

/// Photograph-like: smooth waves with some noise.
std::vector<uint8_t> pictures(Size2 size, int64_t count) {
    std::vector<uint8_t> all;
    for (int64_t n = 0; n < count; ++n)
        for (int64_t y = 0; y < size.height; ++y)
            for (int64_t x = 0; x < size.width; ++x)
                for (int64_t c = 0; c < 3; ++c) {
                    const int64_t wave = (x * (n + 2) + y * (c + 1)) % 160;
                    const uint64_t index = static_cast<uint64_t>((y * size.width + x) * 3 + c);
                    const RandomKey key{.seed = 5, .sample = static_cast<uint32_t>(n)};
                    all.push_back(
                        static_cast<uint8_t>(static_cast<uint64_t>(wave) + random_below(key, index, 60)));
                }
    return all;
}

const char* const recipe = R"([transforms]
resize = {}
augment = [
  {{ op = "random_choice", p = [0.2, 0.3, 0.3, 0.2], of = [
    [ {{ op = "random_horizontal_flip" }}, {{ op = "random_posterize", bits = 2 }}, {{ op = "rand_augment", num_ops = 4, fill = 90 }} ],
    [ {{ op = "color_jitter", brightness = 0.5, contrast = 0.6, saturation = 0.5, hue = 0.2 }},
      {{ op = "random_rotation", degrees = 45, fill = [9, 200, 77] }}, {{ op = "random_vertical_flip" }},
      {{ op = "random_grayscale", p = 0.2 }}, {{ op = "random_equalize" }} ],
    [ {{ op = "trivial_augment_wide" }}, {{ op = "trivial_augment_wide" }}, {{ op = "random_autocontrast" }} ],
    [ {{ op = "random_affine", degrees = 0, scale = [0.5, 1.5], fill = 30 }}, {{ op = "random_solarize", threshold = 100 }},
      {{ op = "random_adjust_sharpness", factor = 1.8 }} ] ] }},
  {{ op = "random_apply", p = 0.3, of = [ {{ op = "random_resized_crop", size = {} }} ] }},
  {{ op = "random_crop", size = {}, padding = 5 }} ]
)";

/// Calls f with each number of threads or order of blocks that makes a difference to the device.
template <class F>
void in_each_way(Device device, F&& f) {
    if (device == Device::cpu) {
        for (const int count : {1, 2, 3}) {
            set_threads(count);
            f();
        }
        set_threads(0);
    } else if (device == Device::simt) {
        for (const simt::Order order : {simt::Order::ascending, simt::Order::shuffled}) {
            simt::Settings watched;
            watched.order = order;
            simt::set_settings(watched);
            f();
        }
    } else {
        f();
    }
}

TEST_CASE("whole pipelines: every device gives the reference's bytes") {
    for (const auto& [in, size] : {std::pair<Size2, int>{{32, 32}, 32}, {{24, 37}, 20}, {{40, 33}, 56}}) {
        const Transforms transforms =
            parse_transforms(fmt::format(fmt::runtime(recipe), size, size, size), "test");
        const std::vector<uint8_t> images = pictures(in, 24);
        for (uint32_t epoch = 0; epoch < 3; ++epoch) {
            const test::AugmentBatch batch = drawn(transforms, in, 24, epoch);
            const std::vector<uint8_t> expected = batch.run(Device::reference, images);
            for (const Device device : tests::golden_devices({Device::cpu, Device::simt})) {
                CAPTURE(std::string(name_of(device)));
                test::with_each_implementation(device, [&](const std::string& implementation) {
                    CAPTURE(implementation);
                    in_each_way(device, [&] {
                        const bool same = batch.run(device, images) == expected;
                        CHECK(same);
                    });
                });
            }
        }
    }
}

}  // namespace
}  // namespace vitrine

// Why a value of the network's input is so: source pixels, weights, roundings, noise, boxes, mixtures add up to what is stored.

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <memory>

#include "engine/random.h"
#include "lab/inspect/source/step_source.h"
#include "lab/inspect/terms/explainer.h"
#include "tests/error_of.h"
#include "tests/tools/program.h"
#include "tools/common/input_maker.h"

namespace vitrine::inspect {
namespace {

/// Waves with noise.
ImageSet waves(int64_t count, int64_t height, int64_t width) {
    ImageSet set{count, height, width, {}, {}, {}};
    const auto pixels = std::make_shared<std::vector<uint8_t>>();
    for (int64_t i = 0; i < count; ++i) {
        set.labels.push_back(static_cast<int32_t>(i % 5));
        set.rows.push_back(i);
        for (int64_t p = 0; p < 3 * height * width; ++p) {
            const RandomKey key{.seed = 5, .sample = static_cast<uint32_t>(i)};
            pixels->push_back(static_cast<uint8_t>(
                (p * (i + 2)) % 160 + static_cast<int64_t>(random_below(key, static_cast<uint64_t>(p), 60))));
        }
    }
    set.pixels = {pixels, pixels->data(), count};
    return set;
}

/// A step that has nothing but its batch.
struct BatchOnly {
    BatchOnly(const std::string& transforms, int64_t height, int64_t width) {
        const ImageSet set = waves(4, height, width);
        const Transforms parsed = parse_transforms("[transforms]\n" + transforms, "recipe");
        const auto maker =
            std::make_shared<InputMaker>(set, parsed.train, Placement{DType::f64, Device::cpu}, 9);
        auto [pixels, plan] = maker->plan(batch_of(set, {0, 1, 2, 3}), 1);
        making = std::make_shared<BatchMaking>(std::move(pixels), std::move(plan));
        making->owner = maker;
        step.tensors.push_back(
            {.name = "images", .value = make_input(making->pixels, making->plan, DType::f64).images});
        step.images = 0;
        step.making = making;
    }

    std::shared_ptr<BatchMaking> making;
    CapturedStep step;
};

std::string pipeline(const std::string& augment, const std::string& more = "") {
    return "augment = [ " + augment +
           " ]\nnormalize = { mean = [0.485, 0.456, 0.406], std = [0.229, 0.224, 0.225] }\n" + more;
}

const std::string crop = R"({ op = "random_resized_crop", size = 16 })";
const std::string boxes =
    R"(erasing = [ { op = "random_erasing", p = 0.7, value = "random" }, { op = "random_erasing", p = 0.6, value = [0.5, -1, 2] } ]
)";
std::string noise(const std::string& more) {
    return R"(noise = { op = "poisson_noise", rate = 5)" + more + " }\n";
}

}  // namespace

TEST_CASE("every value of a batch is the sum of its source pixels, fill, roundings, noise, boxes, mixture") {
    const std::string flip = R"({ op = "random_horizontal_flip", p = 0.5 }, )";
    const std::pair<const char*, std::string> pipelines[] = {
        {"as it is", pipeline("")},
        {"resized twice", "resize = 29\n" + pipeline(flip + crop)},
        {"padded", pipeline(flip + R"({ op = "random_crop", size = 16, padding = 5 })")},
        {"turned", pipeline(R"({ op = "random_rotation", degrees = 40 }, )" + crop)},
        {"noise before normalising", pipeline(crop, noise(""))},
        {"noise after it", pipeline(crop, noise(", after_normalize = true"))},
        {"noise, not clipped", pipeline(crop, noise(", clip = false"))},
        {"erased", pipeline(crop, boxes)},
        {"mixup", pipeline(crop, noise("") + boxes + "batch = { mixup = 0.8 }\n")},
        {"cutmix", pipeline(crop, boxes + "batch = { cutmix = 1.0 }\n")},
        {"colours", pipeline(R"({ op = "trivial_augment_wide" }, )" + crop)},
    };
    for (const auto& [what, text] : pipelines) {
        CAPTURE(what);
        const BatchOnly batch(text, 24, 24);
        Explainer explainer(batch.step, 100'000);
        const Tensor& images = batch.step.tensors[0].value;
        double worst = 0.0;
        for (int64_t element = 0; element < images.count(); element += 7) {
            const Explanation explanation = explainer.value(0, element);
            worst = std::max(worst, explanation.error());
            for (const Term& term : explanation.list.terms) {
                double product = 1.0;
                for (const Factor& factor : term.factors) product *= factor.value;
                REQUIRE(product == doctest::Approx(term.value).epsilon(1e-12));
            }
        }
        CHECK(worst <= 1e-12);
    }
}

TEST_CASE("shrunk from one size to another, rows or columns first as Pillow does") {
    for (const auto& [height, width] : {std::pair<int64_t, int64_t>{90, 30}, {30, 90}, {61, 47}}) {
        const BatchOnly batch("resize = 24\n" + pipeline(R"({ op = "center_crop", size = 24 })"), height,
                              width);
        Explainer explainer(batch.step);
        double worst = 0.0;
        for (int64_t element = 0; element < batch.step.tensors[0].value.count(); element += 11)
            worst = std::max(worst, explainer.value(0, element).error());
        CHECK(worst <= 1e-12);
    }
}

TEST_CASE("a value of the batch that the source pixels do not make is seen") {
    const BatchOnly batch("resize = 16\n" + pipeline(""), 40, 40);
    std::vector<double> values = batch.step.tensors[0].value.to_host<double>();
    CHECK(Explainer(batch.step).value(0, 100).adds_up());
    values[100] += 1.0 / (255 * 0.224);  // a level more: as if it had been rounded the other way
    Tensor(batch.step.tensors[0].value).assign(std::span<const double>(values));
    CHECK_FALSE(Explainer(batch.step).value(0, 100).adds_up());
    CHECK(Explainer(batch.step).value(0, 101).adds_up());
}

TEST_CASE("what has no terms is named, and they begin behind it") {
    const BatchOnly batch(pipeline(R"({ op = "random_autocontrast", p = 1 }, )" + crop), 24, 24);
    const Explanation explanation = Explainer(batch.step).value(0, 5);
    CHECK(contains(to_text(explanation), "autocontrast is no weighted sum of pixels: the terms begin with"));
    CHECK(contains(to_text(explanation), "autocontrast, resize of the "));
    CHECK(explanation.adds_up());
}

TEST_CASE("inspect value tells a pixel of a recipe's batch, with its file and the table that made it") {
    const tests::TemporaryFolder folder;
    tests::write_colours(folder.path() / "data");
    const tests::Outcome outcome = tests::run(
        "inspect", {"value", "--data", folder / "data", "--set", "model.name=\"basic_block_net\"", "--set",
                    "transforms.resize=20", "--set",
                    R"(transforms.augment=[{op="random_horizontal_flip", p=1}, {op="random_crop", size=16}])",
                    "--op", "images", "--at", "0,5,7,2"});
    CAPTURE(outcome.err);
    CHECK(outcome.code == 0);
    CHECK_MESSAGE(contains(outcome.out, ".ppm: flip_horizontal, 16×16 from row "), outcome.out);
    CHECK_FALSE(contains(outcome.out, "DO NOT ADD UP"));
}

}  // namespace vitrine::inspect

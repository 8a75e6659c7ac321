// Pipelines from recipes: what is drawn, what is refused and how.

#include <doctest/doctest.h>

#include <map>

#include "data/transforms/pipeline.h"
#include "engine/error.h"

namespace vitrine {
namespace {

using augment::OpCode;

Program drawn(const Transforms& transforms, uint32_t epoch, uint32_t sample, int64_t side = 64) {
    Program program{.width = side, .height = side};
    program.with_names = true;
    transforms.train.draw(1, epoch, sample, program);
    return program;
}

void check_refusal(const std::string& recipe, const std::string& part) {
    CAPTURE(recipe);
    try {
        parse_transforms(recipe, "my.toml");
        FAIL("it was taken");
    } catch (const Error& error) {
        CAPTURE(std::string(error.what()));
        CHECK(std::string(error.what()).find(part) != std::string::npos);
    }
}

TEST_CASE("a recipe's mistakes are told with their line and what is allowed") {
    const std::string begin = "[transforms]\nresize = 64\naugment = [\n";
    check_refusal(begin + "{ op = \"rand_augmnt\" } ]",
                  "my.toml:4: there is no transform 'rand_augmnt' (did you "
                  "mean rand_augment?)");
    check_refusal(begin + "{ op = \"random_posterize\", bits = 9 } ]",
                  "my.toml:4: bits of random_posterize must be a whole number from 1 to 8");
    check_refusal(begin + "{ op = \"random_posterize\" } ]", "random_posterize needs bits");
    check_refusal(begin + "{ op = \"random_grayscale\", p = 1.5 } ]",
                  "p of random_grayscale must be a number from 0 to 1");
    check_refusal(begin + "{ op = \"random_grayscale\", q = 1 } ]", "random_grayscale has no 'q'");
    check_refusal(
        begin +
            "{ op = \"random_choice\", p = [0.5], of = [ { op = \"rand_augment\" }, "
            "{ op = \"random_equalize\" } ] } ]",
        "p of random_choice must be a number from 0 for each of its transforms, of which there are 2");
    check_refusal(begin + "{ op = \"random_choice\" } ]", "needs of = [ … ]");
    check_refusal("[transforms]\nresize = 0",
                  "my.toml:2: resize of transforms must be a whole number from 1");
    check_refusal("[transforms]\nnormalise = 1", "(did you mean normalize?)");
    check_refusal("[transforms\n", "my.toml:");
}

TEST_CASE("validation cannot be augmented, and the message says why") {
    check_refusal(
        "[transforms]\nvalidation = { augment = [ { op = \"rand_augment\" } ] }",
        "augment is not allowed in validation: images that are changed at random measure something else");
    const Transforms transforms = parse_transforms(
        "[transforms]\nresize = 32\naugment = [ { op = \"rand_augment\" } ]\n"
        "validation = { resize = 40, center_crop = 32 }",
        "my.toml");
    Program program{.width = 64, .height = 50};
    transforms.evaluation.draw(program);
    CHECK(program.width == 32);
    CHECK(program.height == 32);
    CHECK(program.steps.size() == 2);
    CHECK(transforms.evaluation.describe().starts_with("resize(40) → center_crop(32) → normalize"));
}

TEST_CASE("what follows the 8-bit pixels is read, checked and described") {
    const Transforms transforms = parse_transforms(
        "[transforms]\nnoise = { op = \"poisson_noise\", rate = 4, after_normalize = true }\n"
        "normalize = { mean = [0.5, 0.4, 0.3], std = [0.2, 0.2, 0.1] }\n"
        "erasing = [ { op = \"random_erasing\", p = 0.25, value = \"random\" }, { scale = [0.1, 0.2] } ]\n"
        "batch = { mixup = 0.2 }",
        "my.toml");
    const TrainTransform& train = transforms.train;
    REQUIRE(train.noise);
    CHECK(*train.noise == PoissonNoise{4.0, true, true});
    REQUIRE(train.erasing.size() == 2);
    CHECK(train.erasing[0].noise);
    CHECK(train.erasing[1].scale == transforms::Range{0.1, 0.2});
    CHECK(train.mix.mixup_alpha == 0.2);
    CHECK_FALSE(train.mix.cutmix_alpha);
    CHECK(transforms.evaluation.normalize == train.normalize);
    CHECK(train.describe() ==
          "normalize(mean 0.5 0.4 0.3, deviation 0.2 0.2 0.1) → poisson_noise(rate 4, clipped) → "
          "random_erasing(p 0.25, scale 0.02 … 0.33, ratio 0.3 … 3.3, noise) → "
          "random_erasing(p 0.5, scale 0.1 … 0.2, ratio 0.3 … 3.3, value 0 0 0) → mixup(alpha 0.2)");
    check_refusal("[transforms]\nnoise = { rate = -1 }",
                  "rate of poisson_noise must be a number from 1e-06 to 1000");
    check_refusal("[transforms]\nerasing = { scale = [0.3, 0.1] }",
                  "scale of random_erasing must be [smallest, largest]");
    check_refusal("[transforms]\nerasing = { value = \"noise\" }", "a number, three numbers or \"random\"");
    check_refusal("[transforms]\nnormalize = { mean = [0, 0, 0], std = [1, 0, 1] }",
                  "std of normalize must be a number from");
}

TEST_CASE("a sample's program is a function of seed, epoch and sample") {
    const Transforms transforms = parse_transforms(
        "[transforms]\naugment = [ { op = \"rand_augment\", num_ops = 4 }, { op = \"trivial_augment_wide\" } "
        "]",
        "my.toml");
    int different = 0;
    for (uint32_t sample = 0; sample < 50; ++sample) {
        CHECK(drawn(transforms, 3, sample).names == drawn(transforms, 3, sample).names);
        different += drawn(transforms, 3, sample).names != drawn(transforms, 4, sample).names;
        CHECK(drawn(transforms, 3, sample).names.size() == 5);
    }
    CHECK(different > 45);
}

TEST_CASE("a probability of 0 is never and of 1 is always; choices follow their weights") {
    const Transforms never = parse_transforms(
        "[transforms]\naugment = [ { op = \"random_equalize\", p = 0 }, { op = \"random_grayscale\", p = 1.0 "
        "} ]",
        "my.toml");
    for (uint32_t sample = 0; sample < 1000; ++sample) {
        const Program program = drawn(never, 0, sample);
        REQUIRE(program.steps.size() == 1);
        CHECK(program.steps[0].op == OpCode::grayscale);
    }
    const Transforms choice = parse_transforms(
        "[transforms]\naugment = [ { op = \"random_choice\", p = [1, 0, 3], of = [ "
        "{ op = \"random_equalize\", p = 1 }, { op = \"random_grayscale\", p = 1 }, "
        "{ op = \"random_autocontrast\", p = 1 } ] } ]",
        "my.toml");
    std::map<OpCode, int> counts;
    for (uint32_t sample = 0; sample < 20'000; ++sample) ++counts[drawn(choice, 0, sample).steps.at(0).op];
    CHECK(counts[OpCode::grayscale] == 0);
    // Binomial with p = 1/4: five deviations are 306.
    CHECK(std::abs(counts[OpCode::equalize] - 5000) < 306);
}

TEST_CASE("rand_augment draws each of its ops as often as the others") {
    const Transforms transforms =
        parse_transforms("[transforms]\naugment = [ { op = \"rand_augment\", num_ops = 1 } ]", "my.toml");
    std::map<std::string, int> counts;
    constexpr int total = 100'000;
    for (uint32_t sample = 0; sample < total; ++sample) {
        const std::string name = drawn(transforms, 0, sample).names.at(0);
        const size_t digit = name.find_first_of("-0123456789");
        ++counts[name.substr(0, digit)];
    }
    CHECK(counts.size() == 14);
    double chi_square = 0.0;
    for (const auto& [name, count] : counts) {
        const double expected = total / 14.0;
        chi_square += (count - expected) * (count - expected) / expected;
    }
    CHECK(chi_square < 40.0);  // 13 degrees of freedom: 0.01% of honest draws are beyond it
}

}  // namespace
}  // namespace vitrine

// Why a number is what it is: the terms of every op's outputs and gradients add up to what is stored.

#include <doctest/doctest.h>

#include "lab/inspect/source/step_source.h"
#include "tests/error_of.h"
#include "tests/inspect/terms_support.h"

namespace vitrine::inspect {
namespace {

CapturedStep step_of(const char* model, bool fused, int steps = 2, bool f64 = true) {
    PreparedStep prepared =
        prepare({.model = model, .image_size = 32, .batch_size = 4, .steps = steps, .f64 = f64});
    prepared.model->set_fused(fused);
    return capture_step(*prepared.model, prepared.input, prepared.settings);
}

}  // namespace

TEST_CASE("the terms of every op, every gradient and every update add up to what is stored") {
    for (const char* model : {"basic_block_net", "mobilenet_v2"}) {
        for (const bool fused : {false, true}) {
            const CapturedStep step = step_of(model, fused);
            CheckedKinds kinds;
            look_everywhere(step, elements_of_each(2), kinds);
            report(fmt::format("{}, {}", model, fused ? "fused" : "op by op"), kinds);
            check_all(kinds);
            CHECK(kinds.contains(fused ? "gradient of dense_conv m2" : "gradient of batch_norm y"));
            CHECK(kinds.contains("gradient of parameters"));
            CHECK(kinds.contains("update"));
            CHECK(kinds.contains("running statistics"));
        }
    }
}

TEST_CASE("resnet18's steps add up, too: max pooling, and blocks that end in a sum of two norms") {
    const CapturedStep step = step_of("resnet18", true, 1);
    CheckedKinds kinds;
    look_everywhere(step, elements_of_each(1), kinds);
    report("resnet18, fused", kinds);
    check_all(kinds);
    CHECK(kinds.contains("gradient of max_pool y"));
    CHECK(kinds.contains("gradient of resolve z"));
}

TEST_CASE("a wrong gradient is seen: its terms do not add up, and nor do those of what it leads to") {
    CapturedStep step = step_of("basic_block_net", true);
    const CapturedOp* conv = step.op("layer_1.3");
    REQUIRE(conv != nullptr);
    const int y = conv->outputs[0], bias = conv->inputs[2];
    std::vector<double> gradients = step.tensors[y].gradient.to_host<double>();
    const auto place = std::ranges::max_element(gradients) - gradients.begin();
    const int64_t channel = place % 32, other_channel = (place + 1) % 32;
    REQUIRE(gradients[static_cast<size_t>(place)] > 0.0);
    CHECK(Explainer(step).gradient(y, place).adds_up());
    CHECK(Explainer(step).gradient(bias, channel).adds_up());

    gradients[static_cast<size_t>(place)] *=
        1.0 + 1e-7;  // a kernel that is a ten millionth off, in one element
    step.tensors[y].gradient.assign(std::span<const double>(gradients));
    const Explanation gradient = Explainer(step).gradient(y, place);
    CHECK_FALSE(gradient.adds_up());
    CHECK(gradient.ulps() > 1000);
    CHECK(contains(to_text(gradient), "DO NOT ADD UP"));
    CHECK(Explainer(step).gradient(y, place + 1).adds_up());
    CHECK_FALSE(Explainer(step).gradient(bias, channel).adds_up());
    CHECK(Explainer(step).gradient(bias, other_channel).adds_up());
}

TEST_CASE("in the f32 of training the terms add up as far as f32 goes") {
    for (const bool fused : {false, true}) {
        const CapturedStep step = step_of("mobilenet_v2", fused, 1, false);
        CheckedKinds kinds;
        look_everywhere(step, elements_of_each(1), kinds);
        report(fmt::format("mobilenet_v2 in f32, {}", fused ? "fused" : "op by op"), kinds);
        for (const auto& [kind, checked] : kinds)
            CHECK_MESSAGE(checked.worst <= 1e-5, kind, ": ", checked.worst_text);  // Explanation::adds_up
    }
}

TEST_CASE("a missing term is seen in f32, too") {
    PreparedStep prepared = prepare({.model = "basic_block_net", .batch_size = 4});
    CapturedStep step = capture_step(*prepared.model, prepared.input, prepared.settings);
    const CapturedOp* linear = step.op("layer_5");
    REQUIRE(linear != nullptr);
    const int y = linear->outputs[0];
    CHECK(Explainer(step).value(y, 3).adds_up());
    CHECK(Explainer(step).value(y, 3).ulps() < 1000);
    std::vector<float> wrong = step.tensors[y].value.to_host<float>();
    wrong[3] += 0.001F;  // as if an input had been left out
    step.tensors[y].value.assign(std::span<const float>(wrong));
    CHECK_FALSE(Explainer(step).value(y, 3).adds_up());
}

TEST_CASE("the largest terms are kept, and the rest is counted and added up") {
    const CapturedStep step = step_of("basic_block_net", true, 1);
    const int weight = step.op("layer_1.0")->inputs[1];
    const Explanation few = Explainer(step, 5).gradient(weight, 0);
    const Explanation all = Explainer(step, 1'000'000).gradient(weight, 0);
    CHECK(all.list.rest_count == 0);
    CHECK(all.list.count() ==
          4 * 31 * 31);  // the corner of the window is padding in the first row and column
    REQUIRE(few.list.terms.size() == 5);
    CHECK(few.list.count() == all.list.count());
    CHECK(few.list.sum == all.list.sum);
    double kept = 0.0;
    for (const Term& term : few.list.terms) kept += term.value;
    CHECK(kept + few.list.rest_sum == doctest::Approx(few.list.sum).epsilon(1e-12));
    std::vector<double> sizes;
    for (const Term& term : all.list.terms) sizes.push_back(std::abs(term.value));
    std::ranges::sort(sizes, std::greater());
    for (size_t i = 0; i < 5; ++i) CHECK(std::abs(few.list.terms[i].value) == sizes[i]);
}

TEST_CASE("units in the last place are those of the stored type") {
    Explanation one{.list = {.sum = 1.0 + 3 * 0x1p-23, .magnitude = 1.0}, .dtype = DType::f32, .stored = 1.0};
    CHECK(one.ulps() == 3);
    one.dtype = DType::f64;
    CHECK(one.ulps() == 3 * (uint64_t{1} << 29));
    one.list.sum = -0.0;
    one.stored = 0.0;
    CHECK(one.ulps() == 0);
    one.list.sum = -0x1p-1074;
    one.stored = 0x1p-1074;
    CHECK(one.ulps() == 2);
}

}  // namespace vitrine::inspect

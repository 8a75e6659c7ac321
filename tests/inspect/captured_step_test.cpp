// A step, caught: its graph is whole, and catching it changes nothing.

#include <doctest/doctest.h>

#include <algorithm>

#include "lab/inspect/source/step_source.h"

namespace vitrine::inspect {
namespace {

CapturedStep small_step(bool fused) {
    PreparedStep prepared = prepare({.model = "basic_block_net", .image_size = 16, .batch_size = 4});
    prepared.model->set_fused(fused);
    return capture_step(*prepared.model, prepared.input, prepared.settings);
}

}  // namespace

TEST_CASE("a captured step has every tensor, also those that training leaves unwritten") {
    const PreparedStep prepared = prepare({.model = "mobilenet_v2", .image_size = 64, .batch_size = 2});
    const CapturedStep step = capture_step(*prepared.model, prepared.input, prepared.settings);
    CHECK(step.fused);
    const CapturedOp* expansion = step.op("features.2.conv.0.0");
    REQUIRE(expansion != nullptr);
    CHECK(expansion->op == "pointwise_conv");
    CHECK(step.tensors[expansion->outputs[0]].value.shape() == Shape{2, 32, 32, 96});
    CHECK(std::ranges::none_of(step.ops, [](const CapturedOp& op) { return op.op == "expanded_conv"; }));
}

TEST_CASE(
    "every op of a captured step reads what was there before it, and every trained parameter has its "
    "gradient") {
    for (const bool fused : {false, true}) {
        const CapturedStep step = small_step(fused);
        REQUIRE(step.ops.size() > 10);
        for (int i = 0; i < static_cast<int>(step.ops.size()); ++i) {
            for (const int input : step.ops[i].inputs) {
                if (input == none) continue;
                CHECK(step.tensors[input].producer < i);
                CHECK(std::ranges::count(step.tensors[input].readers, i) >= 1);
            }
            for (const int output : step.ops[i].outputs) CHECK(step.tensors[output].producer == i);
        }
        for (const CapturedParameter& parameter : step.parameters) {
            if (parameter.role != nn::Role::trained) continue;
            CHECK_MESSAGE(parameter.gradient.defined(), parameter.name);
            REQUIRE(parameter.tensor != none);
            CHECK(step.tensors[parameter.tensor].gradient.defined());
            CHECK(parameter.before.to_host<double>() != parameter.after.to_host<double>());
        }
    }
}

TEST_CASE("a step that is caught is the step itself, to the bit") {
    const CapturedStep step = small_step(true);
    PreparedStep alone = prepare({.model = "basic_block_net", .image_size = 16, .batch_size = 4});
    TrainingStep training(*alone.model, alone.settings.optimiser, alone.settings.label_smoothing);
    training.accumulate(alone.input, alone.settings.seed, 0);
    training.update(alone.settings.update);
    CHECK(training.read().batches.back().loss == step.result.loss);
    for (size_t i = 0; i < step.parameters.size(); ++i) {
        CHECK(step.parameters[i].after.to_host<double>() ==
              training.state().parameters()[i].value().to_host<double>());
    }
}

}  // namespace vitrine::inspect

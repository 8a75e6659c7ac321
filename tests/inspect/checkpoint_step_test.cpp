// The step after a checkpoint is the one that train goes on with, to the bit: weights, momentum, batch, learning rate.

#include <doctest/doctest.h>

#include <algorithm>

#include "engine/safetensors.h"
#include "lab/inspect/source/step_source.h"
#include "tests/tools/colour_run.h"

namespace vitrine::inspect {

TEST_CASE("the step after a checkpoint is the run's next one, momentum and all") {
    const tests::ColourRuns runs;
    const auto train = [&](const char* steps) {
        const tests::Outcome outcome =
            runs.train("run", {"--model", "basic_block_net", "--batch-size", "12", "--epochs", "2", "--lr",
                               "0.05", "--max-steps", steps, "--set", "training.checkpoint_minutes=0"});
        REQUIRE_MESSAGE(outcome.code == 0, outcome.err);
    };
    train("7");
    const auto checkpoint = runs.path("run", "checkpoints") / "step-000000007.safetensors";
    const PreparedStep prepared = prepare({.file = checkpoint.string(), .batch_size = 12});
    CHECK(prepared.step == 8);
    const CapturedStep step = capture_step(*prepared.model, prepared.input, prepared.settings);
    train("8");
    const SafeTensors next =
        read_safetensors(runs.path("run", "checkpoints") / "step-000000008.safetensors", Links::refuse);
    int compared = 0;
    for (const CapturedParameter& parameter : step.parameters) {
        if (parameter.before.shape().rank() != 1) continue;  // others have PyTorch's layout there
        CAPTURE(parameter.name);
        ++compared;
        CHECK(parameter.after.to_host<double>() == next.at("model." + parameter.name).values());
        if (parameter.role != nn::Role::trained) continue;
        CHECK(parameter.momentum_before.defined());
        CHECK(parameter.momentum_after.to_host<double>() == next.at("momentum." + parameter.name).values());
    }
    CHECK(compared > 8);
}

}  // namespace vitrine::inspect

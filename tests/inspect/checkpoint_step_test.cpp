// The step after a checkpoint is the one that train goes on with, to the bit: weights, momentum, loss.

#include <doctest/doctest.h>

#include <algorithm>
#include <map>

#include "engine/safetensors.h"
#include "lab/inspect/source/step_source.h"
#include "tests/tools/colour_run.h"

namespace vitrine::inspect {
namespace {

/// By its name: how PyTorch, and so a checkpoint, lays a parameter out.
std::map<std::string, nn::TorchLayout> layouts_of(nn::Module& model) {
    std::map<std::string, nn::TorchLayout> layouts;
    for (const nn::NamedParameter& named : model.state()) layouts[named.name] = named.parameter->layout;
    return layouts;
}

}  // namespace

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
    const auto layouts = layouts_of(*prepared.model);
    const CapturedStep step = capture_step(*prepared.model, prepared.input, prepared.settings);
    train("8");

    const nlohmann::ordered_json line = runs.lines("run", "steps.jsonl").back();
    CHECK(line["step"] == 8);
    CHECK(line["loss"].get<double>() == step.result.loss);

    const SafeTensors next =
        read_safetensors(runs.path("run", "checkpoints") / "step-000000008.safetensors", Links::refuse);
    const auto values = [&](const std::string& kind, const std::string& name) {
        return nn::from_torch(next.at(kind + name).values(), layouts.at(name));
    };
    for (const CapturedParameter& parameter : step.parameters) {
        CAPTURE(parameter.name);
        CHECK(parameter.after.to_host<double>() == values("model.", parameter.name));
        if (parameter.role != nn::Role::trained) continue;
        CHECK(parameter.momentum_before.defined());
        CHECK(parameter.momentum_after.to_host<double>() == values("momentum.", parameter.name));
    }
    CHECK(step.parameters.size() == layouts.size());
}

}  // namespace vitrine::inspect

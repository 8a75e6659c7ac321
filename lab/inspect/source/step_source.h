// Which step is looked at: a model, a batch and how it is trained, as a command line says.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "engine/nn/module.h"
#include "engine/step/input.h"
#include "lab/inspect/capture/captured_step.h"

namespace CLI {
class App;
}  // namespace CLI

namespace vitrine::inspect {

struct StepSource {
    std::string model;       // empty: the benchmark's
    int64_t image_size = 0;  // 0: the model's own
    int64_t batch_size = 8;
    int64_t classes = 10;
    uint64_t seed = 0;
    int steps = 1;  // the last of so many
    std::string device = "cpu";
    bool f64 = false;
};

/// Its options: --model, --image-size, --batch-size, --classes, --seed, --steps, --device, --dtype, --fusion.
void add_step_source(CLI::App& command, StepSource& source);

struct PreparedStep {
    std::shared_ptr<nn::Module> model;
    NetworkInput input;
    StepSettings settings;
};

/// Throws Error for what cannot be.
PreparedStep prepare(const StepSource& source);

}  // namespace vitrine::inspect

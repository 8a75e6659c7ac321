// Which step is looked at: a model, a batch and how it is trained, as a command line, a recipe or a run's model says.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/nn/module.h"
#include "engine/step/input.h"
#include "lab/inspect/capture/captured_step.h"

namespace CLI {
class App;
}  // namespace CLI

namespace vitrine::inspect {

struct StepSource {
    std::string file{};  // a recipe, or the weights of a run; empty: neither
    std::string data{};  // images; empty: those that the file names, if any
    std::string cache{};
    std::vector<std::string> assignments{};  // "phase.1.lr=0.01", changes to the recipe
    std::string model{};                     // without a file; empty: the benchmark's
    int64_t image_size = 0;                  // without a file; 0: the model's own, or what data say
    int64_t batch_size = 8;
    int64_t classes = 10;  // where there are neither data nor a model's file
    std::optional<uint64_t> seed{};
    int steps = 1;  // the last of so many
    std::string device = "cpu";
    bool f64 = false;
};

/// Its options: [FILE], --data, --cache, --set, --model, --image-size, --batch-size, --classes, --seed, --steps, --device,
/// --dtype, --fusion.
void add_step_source(CLI::App& command, StepSource& source);

/// What a shell is to be given for the same step: " --model mobilenet_v2 --batch-size 4".
std::string arguments_of(const StepSource& source);

struct PreparedStep {
    std::shared_ptr<nn::Module> model;
    NetworkInput input;  // of the step that is kept
    StepSettings settings;
    std::string model_name;            // "mobilenet_v2"
    std::string file;                  // as in StepSource
    std::string images;                // where they come from: a sentence's part, "random numbers"
    std::string training;              // how it is trained, in one line
    std::vector<std::string> classes;  // their names
    int64_t step = 1;                  // of its run, counted from 1
};

/// Throws Error for what cannot be. What there is to say of the data goes to the standard error.
PreparedStep prepare(const StepSource& source);

}  // namespace vitrine::inspect

// Which step is looked at: see step_source.h.

#include "lab/inspect/source/step_source.h"

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <vector>

#include "lab/common/random_batch.h"
#include "models/models.h"
#include "tools/common/command_line.h"
#include "tools/common/device_choice.h"
#include "tools/common/host_batch.h"

namespace vitrine::inspect {

void add_step_source(CLI::App& command, StepSource& source) {
    command.option_defaults()->group("The step");
    tools::add_choice(
        command, "--model", models::model_names(), [&](const std::string& name) { source.model = name; },
        fmt::format("The model to train [{}]", models::benchmark_model().name));
    tools::add_whole(
        command, "--image-size", 1, 4096, [&](int64_t size) { source.image_size = size; },
        "Side of the images in pixels\n[what the model was made for]");
    tools::add_whole(
        command, "--batch-size", 2, 1024, [&](int64_t size) { source.batch_size = size; },
        "Images in the step [8]");
    tools::add_whole(
        command, "--classes", 2, 100'000, [&](int64_t count) { source.classes = count; },
        "Outputs of the model [10]");
    tools::add_whole(
        command, "--seed", 0, 1LL << 53, [&](int64_t seed) { source.seed = static_cast<uint64_t>(seed); },
        "Of the first weights and of dropout [0]");
    tools::add_whole(
        command, "--steps", 1, 1000, [&](int64_t steps) { source.steps = static_cast<int>(steps); },
        "Look at the last of so many steps on the same batch [1]");
    std::vector<std::string> devices;
    for (const Device device : all_devices) devices.emplace_back(name_of(device));
    tools::add_choice(
        command, "--device", devices, [&](const std::string& name) { source.device = name; },
        "Where to run [cpu]");
    tools::add_choice(
        command, "--dtype", {"f32", "f64"}, [&](const std::string& name) { source.f64 = name == "f64"; },
        "What is computed in [f32]");
    tools::add_fusion(command);
}

PreparedStep prepare(const StepSource& source) {
    const std::string name = source.model.empty() ? models::benchmark_model().name : source.model;
    const int64_t own_size = models::model_from_name(name).image_size;
    const int64_t size = source.image_size > 0 ? source.image_size : own_size;
    const Placement placement{source.f64 ? DType::f64 : DType::f32,
                              tools::choose_device(source.device).device};
    PreparedStep step;
    step.model =
        models::make_model(name, {.classes = source.classes, .image_size = size}, placement, source.seed);
    const tools::RandomBatch random(source.batch_size, size, source.classes);
    step.input = tools::upload({random.images, random.labels, size}, {}, placement);
    step.settings.seed = source.seed;
    step.settings.steps = source.steps;
    return step;
}

}  // namespace vitrine::inspect

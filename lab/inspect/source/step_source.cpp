// Which step is looked at: see step_source.h.

#include "lab/inspect/source/step_source.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "engine/error.h"
#include "engine/fusion.h"
#include "lab/common/random_batch.h"
#include "lab/inspect/source/run_source.h"
#include "models/models.h"
#include "tools/common/command_line.h"
#include "tools/common/device_choice.h"

namespace vitrine::inspect {
namespace {

void add_what(CLI::App& command, StepSource& source) {
    command
        .add_option("FILE", source.file,
                    "A recipe (.toml), or a run's best.safetensors,\nlast.safetensors or checkpoint")
        ->type_name("");
    command
        .add_option("--data", source.data, "Images, as train takes them [those that FILE names; else random]")
        ->type_name("DIR");
    command.add_option("--cache", source.cache, "Where decoded images are kept [~/.cache/vitrine]")
        ->type_name("DIR");
    command.add_option("--set", source.assignments, "Change the recipe: phase.1.lr=0.01; can be repeated")
        ->type_name("KEY=VALUE")
        ->take_all()
        ->allow_extra_args(false);
    tools::add_choice(
        command, "--model", models::model_names(), [&](const std::string& name) { source.model = name; },
        fmt::format("Without FILE: the model to train [{}]", models::benchmark_model().name));
    tools::add_whole(
        command, "--image-size", 1, 4096, [&](int64_t size) { source.image_size = size; },
        "Without FILE: side of the images in pixels\n[what the model was made for]");
}

void add_how(CLI::App& command, StepSource& source) {
    tools::add_whole(
        command, "--batch-size", 2, 1024, [&](int64_t size) { source.batch_size = size; },
        "Images in the step [8]");
    tools::add_whole(
        command, "--classes", 2, 100'000, [&](int64_t count) { source.classes = count; },
        "Outputs of the model, where neither images nor FILE say\n[10]");
    tools::add_whole(
        command, "--seed", 0, 1LL << 53, [&](int64_t seed) { source.seed = static_cast<uint64_t>(seed); },
        "Of the first weights, the batches and dropout\n[0, or as FILE says]");
    tools::add_whole(
        command, "--steps", 1, 1000, [&](int64_t steps) { source.steps = static_cast<int>(steps); },
        "Look at the last of so many steps [1]");
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

/// A model with its first weights, on random pixels.
PreparedStep of_random_images(const StepSource& source, Placement placement) {
    PreparedStep step;
    step.model_name = source.model.empty() ? models::benchmark_model().name : source.model;
    const int64_t own_size = models::model_from_name(step.model_name).image_size;
    const int64_t size = source.image_size > 0 ? source.image_size : own_size;
    const uint64_t seed = source.seed.value_or(0);
    step.model =
        models::make_model(step.model_name, {.classes = source.classes, .image_size = size}, placement, seed);
    step.settings.seed = seed;
    step.step = source.steps;
    put_random_batch(source, size, source.classes, placement, step);
    step.training = fmt::format("SGD with learning rate {:g}, momentum {:g}, weight decay {:g}",
                                step.settings.update.learning_rate, step.settings.optimiser.momentum,
                                step.settings.optimiser.weight_decay);
    return step;
}

}  // namespace

void add_step_source(CLI::App& command, StepSource& source) {
    command.option_defaults()->group("The step");
    add_what(command, source);
    add_how(command, source);
}

std::string arguments_of(const StepSource& source) {
    const StepSource usual;
    std::string text;
    const auto add = [&](const char* flag, const std::string& value) {
        const bool plain = value.find_first_not_of(
                               "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-/=+:,") ==
                           std::string::npos;
        std::string quoted = value;
        for (size_t i = quoted.find('\''); i != std::string::npos; i = quoted.find('\'', i + 4))
            quoted.replace(i, 1, "'\\''");
        text += fmt::format("{}{} {}", *flag == 0 ? "" : " ", flag, plain ? value : "'" + quoted + "'");
    };
    if (!source.file.empty()) add("", source.file);
    if (!source.data.empty()) add("--data", source.data);
    if (!source.cache.empty()) add("--cache", source.cache);
    for (const std::string& assignment : source.assignments) add("--set", assignment);
    if (!source.model.empty()) add("--model", source.model);
    if (source.image_size != usual.image_size) add("--image-size", std::to_string(source.image_size));
    if (source.batch_size != usual.batch_size) add("--batch-size", std::to_string(source.batch_size));
    if (source.classes != usual.classes) add("--classes", std::to_string(source.classes));
    if (source.seed) add("--seed", std::to_string(*source.seed));
    if (source.steps != usual.steps) add("--steps", std::to_string(source.steps));
    if (source.device != usual.device) add("--device", source.device);
    if (source.f64) add("--dtype", "f64");
    if (chosen_fusion() != Fusion::automatic) add("--fusion", name_of(chosen_fusion()));
    return text;
}

void put_random_batch(const StepSource& source, int64_t size, int64_t classes, Placement placement,
                      PreparedStep& step) {
    const tools::RandomBatch random(source.batch_size, size, classes);
    const auto making = std::make_shared<BatchMaking>();
    making->pixels =
        Tensor::from_host(random.images, {std::ssize(random.images)}, {DType::u8, placement.device});
    making->plan.labels = random.labels;
    making->plan.programs.out = {size, size};
    for (int64_t n = 0; n < source.batch_size; ++n)
        making->plan.programs.add(place_among_equals(n, size, size), {});
    step.input = make_input(making->pixels, making->plan, placement.dtype);
    step.settings.making = making;
    step.images = "random numbers";
    for (int64_t i = 0; i < classes && step.classes.size() < static_cast<size_t>(classes); ++i)
        step.classes.push_back(std::to_string(i));
}

PreparedStep prepare(const StepSource& source) {
    if (!source.file.empty() && !source.model.empty())
        throw Error(
            fmt::format("--model is for a step without a file: {} says which model it is", source.file));
    if (!source.file.empty() && source.image_size > 0)
        throw Error(
            "--image-size is for a step without a file; of a recipe it can be changed with --set "
            "transforms.resize=SIZE or --set data.image_size=SIZE");
    const Placement placement{source.f64 ? DType::f64 : DType::f32,
                              tools::choose_device(source.device).device};
    PreparedStep step = source.file.empty() && source.data.empty() && source.assignments.empty()
                            ? of_random_images(source, placement)
                            : of_run(source, placement);
    step.file = source.file;
    step.settings.steps = source.steps;
    return step;
}

}  // namespace vitrine::inspect

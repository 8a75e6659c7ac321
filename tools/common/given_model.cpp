// What a user says of a model's file: see given_model.h.

#include "tools/common/given_model.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>

#include "engine/error.h"
#include "tools/common/class_names.h"
#include "tools/common/command_line.h"

namespace vitrine::tools {
namespace {

/// Of the models' options that the shapes of weights depend on.
std::vector<std::string> option_flags() {
    std::vector<std::string> flags;
    for (const models::ModelOption& option : models::all_model_options()) {
        if (option.of_weights) flags.push_back(option.flag());
    }
    return flags;
}

}  // namespace

void add_given_model(CLI::App& app, GivenModel& given) {
    app.option_defaults()->group("For a checkpoint that does not say what it holds");
    add_choice(
        app, "--model", models::model_names(), [&](const std::string& name) { given.model = name; },
        "Its model");
    for (const models::ModelOption& option : models::all_model_options()) {
        if (!option.of_weights) continue;
        add_number(
            app, option.flag(), {option.low, option.high, option.low_open, option.high_open},
            [&](double value) {
                given.options.push_back({&option, value});
            },
            fmt::format("{} [{}]", option.meaning, models::ModelVariant{}.*option.value));
    }
    add_whole(
        app, "--image-size", 1, 4096, [&](int64_t size) { given.image_size = size; },
        "Side of its images in pixels [the model's own]");
    app.add_option("--classes", given.classes,
                   "Names of its classes: a text file with a name a line, or\na folder with a folder a class "
                   "[classes.txt or classes/\nbeside it; else 0, 1, …]")
        ->type_name("FILE|DIR");
}

ModelDescription describe(const SafeTensors& file, const std::string& source, const GivenModel& given) {
    if (std::optional<ModelDescription> found = description_in(file, source)) {
        if (given.model || !given.options.empty() || given.image_size || !given.classes.empty())
            throw Error(
                fmt::format("{} says what it holds, a {} for images of {} pixels: leave --model, {}, "
                            "--image-size and --classes out",
                            source, found->model, found->image_size, fmt::join(option_flags(), ", ")));
        return *found;
    }
    if (!given.model)
        throw Error(fmt::format("{} does not say which model it holds: name it with --model", source));
    ModelDescription description;
    description.model = *given.model;
    for (const auto& [option, value] : given.options) description.variant.*option->value = value;
    description.image_size = given.image_size.value_or(0);
    description.preparation.normalize = imagenet_normalization;
    description = description_of_plain(file, source, description);
    std::optional<std::filesystem::path> names = class_names_beside(source);
    if (!given.classes.empty()) names = given.classes;
    if (names) description.classes = read_class_names(*names, description.classes.size());
    return description;
}

}  // namespace vitrine::tools

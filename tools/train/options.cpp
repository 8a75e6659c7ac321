// The command line of train: see options.h.

#include "tools/train/options.h"

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <algorithm>
#include <iostream>
#include <limits>
#include <utility>

#include "engine/error.h"
#include "models/models.h"
#include "tools/common/command_line.h"
#include "tools/recipe/recipe_file.h"
#include "tools/train/recipe_flags.h"

namespace vitrine::train {
namespace {

using recipe::Recipe;
using tools::add_choice;
using tools::add_fusion;
using tools::add_number;
using tools::add_whole;

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr int64_t billion = 1'000'000'000;

constexpr const char* description =
    "Trains an image classifier from a folder of images, as a recipe says: decodes and caches the images, "
    "fits the\n"
    "model, measures it after each epoch, and keeps the last and the best weights as safetensors that "
    "PyTorch "
    "can load.";

constexpr const char* examples =
    "Examples:\n"
    "  train                                       BasicBlockNet on Debian's Fashion-MNIST\n"
    "  train tools/recipes/best.toml --data PHOTOS --set training.batch_size=64\n"
    "  train tools/recipes/stage1-baseline.toml --data PHOTOS --show-schedule\n"
    "  train --data PHOTOS --model mobilenet_v2 --image-size 64 --epochs 20\n"
    "                                              PHOTOS/train/CLASS/*.jpg and PHOTOS/val/CLASS/*.jpg\n"
    "  train --model mobilenet_v2 --summary        what the model consists of and costs\n"
    "  train --data PHOTOS --eval-only runs/x/best.safetensors\n"
    "\n"
    "The run's folder: report.html, recipe.toml (as resolved), run.json, metrics.jsonl (a line an epoch), "
    "last.safetensors,\n"
    "best.safetensors, checkpoints/. Run again with the same --out, it goes on from where it was, to the "
    "bit.\n"
    "Ctrl-C finishes the step, writes a checkpoint and ends with code 130; a second one ends at once.\n"
    "Exit codes: 0 done; 1 the loss or a weight stopped being finite, or the weights could not be written; 2 "
    "something\n"
    "on the command line or in the data has to be put right; 130 and 143 ended by a signal.";

std::vector<std::string> device_names() {
    std::vector<std::string> names{"auto"};
    for (const Device device : all_devices) names.emplace_back(name_of(device));
    return names;
}

/// What is collected while the command line is read.
struct CommandLine {
    Options options;
    std::string recipe;  // file
    std::vector<std::string> assignments;
    RecipeFlags flags;
    bool overwrite = false, allow_changes = false;
};

void add_recipe(CLI::App& app, CommandLine& line) {
    app.add_option("RECIPE", line.recipe, "TOML file that says what to train, on what and how")
        ->type_name("");
    app.add_option("--set", line.assignments,
                   "Change the recipe: training.batch_size=64, phase.2.lr=0.01;\ncan be repeated")
        ->type_name("KEY=VALUE")
        ->take_all()
        ->allow_extra_args(false);
}

void add_data(CLI::App& app, CommandLine& line) {
    add_data_flags(app, line.flags);
    app.add_option("--cache", line.options.cache, "Where decoded images are kept [~/.cache/vitrine]")
        ->type_name("DIR");
    app.add_flag("--verify-cache", line.options.verify_cache,
                 "Read all images and compare them with what that cache\nwas made of, rather than trusting "
                 "sizes and times; a\n"
                 "stale one is made anew");
}

void add_model(CLI::App& app, CommandLine& line) { add_model_flags(app, line.flags); }

void add_training(CLI::App& app, CommandLine& line) {
    add_training_flags(app, line.flags);
    add_whole(
        app, "--max-steps", 1, billion, [&line](int64_t steps) { line.options.max_steps = steps; },
        "Stop after so many steps of the run; a later run with\nthe same --out goes on");
    add_number(
        app, "--max-minutes", {0.0, infinity, true},
        [&line](double minutes) { line.options.max_minutes = minutes; },
        "Stop after so many minutes, in the same way");
}

void add_machine(CLI::App& app, CommandLine& line) {
    Options& options = line.options;
    add_choice(
        app, "--device", device_names(), [&](const std::string& name) { options.device = name; },
        "Where to compute [auto]");
    add_whole(
        app, "--threads", 0, 4096, [&](int64_t threads) { options.threads = static_cast<int>(threads); },
        "Of the computation; results do not depend on it\n[0: one for each core]");
    add_fusion(app);
    add_number(
        app, "--process-minutes", {0.0, infinity, true},
        [&](double minutes) { options.process_minutes = minutes; },
        "With several processes: how long one waits for another [10]");
    add_choice(
        app, "--collective", {"host", "nccl", "nccl_sums"},
        [&](const std::string& name) { options.collective = name; },
        "With several processes: how they exchange gradients, through\nthe host's memory or from GPU to GPU; "
        "nccl_sums leaves "
        "the sums\nto NCCL, and the result depends on the number of processes\n[the first that can be used: "
        "nccl, host]");
    app.add_flag("--check-kernels", options.check_kernels,
                 "With --device simt: stop at a kernel's first race,\naccess out of bounds or misuse of a "
                 "barrier (slow)");
    app.add_option(
           "--impl", options.implementations,
           "Force an implementation of an op; or prefer one in all ops\nwherever it takes the arguments "
           "(--impl cudnn,cublas);\ncan be repeated (gradcheck --list names them)")
        ->type_name("[OP=]NAME")
        ->take_all()
        ->allow_extra_args(false);
    app.add_option("--autotune", options.autotune,
                   "Take for each shape the implementation that is the\nquickest here: all are tried at "
                   "first, and the "
                   "times\nkept in this file")
        ->type_name("FILE");
}

void add_output(CLI::App& app, CommandLine& line) {
    Options& options = line.options;
    app.add_option("--out", options.out,
                   "The run's folder [runs/MODEL-DATE-TIME]; the run\nthat is there goes on")
        ->type_name("DIR");
    app.add_flag("--overwrite", line.overwrite, "Replace the run that is in that folder");
    app.add_flag("--allow-changes", line.allow_changes, "Go on with it though the recipe has changed");
    app.add_flag("--tensorboard", options.tensorboard, "Write TensorBoard's event files beside the rest");
    add_whole(
        app, "--dump-batches", 1, billion, [&](int64_t count) { options.dump_batches = count; },
        "Write the next N batches as the network is fed them, and\nthe weights before, as safetensors for "
        "PyTorch");
    app.add_flag("--json", options.json, "One JSON object a line instead of text");
    app.add_flag("--quiet", options.quiet, "Nothing but the last line");
}

void add_other_modes(CLI::App& app, CommandLine& line) {
    Options& options = line.options;
    app.add_option("--eval-only", options.eval_only, "Measure this model, on the images of --split")
        ->type_name("FILE");
    add_choice(
        app, "--split", {"train", "val", "all"},
        [&options](const std::string& name) {
            options.split = name == "train" ? Split::train : name == "val" ? Split::val : Split::all;
        },
        "Which images to measure [val: those that the run held\nout, or the data's own; all of a folder of "
        "other "
        "images\nwithout a split]");
    app.add_flag("--show-schedule", options.show_schedule, "Plot learning rate and momentum of every phase");
    app.add_flag("--show-recipe", options.show_recipe, "Print the recipe with all its defaults");
    add_whole(
        app, "--preview", 1, 1000, [&options](int64_t rows) { options.preview = rows; },
        "Write preview.png: so many training images and what\naugmentation makes of them, into --out or "
        "here");
    app.add_flag("--overfit-one-batch", options.overfit_one_batch,
                 "Train on the first batch alone until it is learnt by\nheart: shows that all is wired up");
    app.add_flag("--summary", options.summary, "Print the model's layer table; needs no data");
    add_whole(
        app, "--classes", 1, 1'000'000, [&](int64_t classes) { options.classes = classes; },
        "Classes of the model in the summary [10]");
}

void add_group(CLI::App& app, const char* title, CommandLine& line, void (*add)(CLI::App&, CommandLine&)) {
    app.option_defaults()->group(title);  // of the options that are added from now on
    add(app, line);
}

void check_together(const CommandLine& line, const CLI::App& app) {
    const Options& options = line.options;
    if (options.json && options.quiet) throw Error("--json and --quiet: choose one of them");
    const int modes = static_cast<int>(options.summary) + static_cast<int>(!options.eval_only.empty()) +
                      static_cast<int>(options.show_schedule) + static_cast<int>(options.show_recipe) +
                      static_cast<int>(options.preview.has_value()) +
                      static_cast<int>(options.overfit_one_batch);
    if (modes > 1)
        throw Error(
            "--eval-only, --show-schedule, --show-recipe, --preview, --overfit-one-batch and "
            "--summary: choose one of them");
    if (app.count("--classes") != 0 && !options.summary)
        throw Error("--classes is for --summary; in training the data decide the number of classes");
    for (const char* flag : {"--init", "--init-optimizer"}) {
        if (app.count(flag) != 0 &&
            (!options.eval_only.empty() || options.summary || options.overfit_one_batch))
            throw Error(fmt::format(
                "{} is for training: leave it out of --eval-only, --overfit-one-batch and --summary", flag));
    }
    if (options.split && options.eval_only.empty())
        throw Error(
            "--split is for --eval-only; training uses the training images and is judged by the validation "
            "images");
    if (line.overwrite && line.allow_changes)
        throw Error("--overwrite and --allow-changes: choose one of them");
    for (const auto& [flag, given] :
         {std::pair{"--overwrite", line.overwrite}, std::pair{"--allow-changes", line.allow_changes}}) {
        if (given && options.out.empty())
            throw Error(fmt::format("{} needs --out: a run without it has a new folder of its own", flag));
    }
    for (const char* flag : {"--out", "--cache", "--data", "--init", "--eval-only"}) {
        if (app.count(flag) != 0 && app[flag]->as<std::string>().empty())
            throw Error(fmt::format("{}: the name of a file or folder is needed, not an empty text", flag));
    }
    for (const Change& change : line.flags.changes) {
        if (change.place == "training.batch_size" && change.value == "1")
            throw Error("--batch-size 1: batch norm needs at least 2 images in a training batch");
    }
}

/// The schedules that have a flag, per batch over the whole phase. Momentum is left alone.
std::string scheduler_of_flag(const std::string& name) {
    return fmt::format("{{ kind = \"{}\"{}, per = \"batch\" }}", name,
                       name == "one_cycle" ? ", cycle_momentum = false" : "");
}

Recipe resolve(const CommandLine& line) {
    toml::table table = line.recipe.empty() ? toml::table{} : recipe::read_toml(line.recipe);
    std::string schedule = line.flags.schedule;
    if (line.recipe.empty() && schedule.empty()) schedule = "one_cycle";
    if (!schedule.empty())
        recipe::set_value(table, "phase.scheduler", scheduler_of_flag(schedule), "--schedule");
    for (const Change& change : line.flags.changes)
        recipe::set_value(table, change.place, change.value, change.flag);
    for (const std::string& assignment : line.assignments) recipe::set_assignment(table, assignment);
    return recipe::parse_recipe(table, line.recipe.empty() ? "the command line" : line.recipe);
}

/// Whether the command line, and not only the recipe's file, says how much to hold out.
bool asks_for_validation(const CommandLine& line) {
    constexpr std::string_view place = "data.validation";
    return line.flags.find(std::string(place)) != nullptr ||
           std::ranges::any_of(line.assignments,
                               [&](const std::string& assignment) { return assignment.starts_with(place); });
}

/// What the flags say of the model, for a checkpoint to agree with.
void take_model(CommandLine& line) {
    const Recipe& recipe = line.options.recipe;
    if (line.flags.find("model.name") != nullptr) line.options.model = recipe.model.name;
    for (const models::ModelOption& option : models::all_model_options()) {
        if (option.of_weights && line.flags.find(fmt::format("model.{}", option.key)) != nullptr)
            line.options.model_options.push_back({&option, recipe.model.variant.*option.value});
    }
}

}  // namespace

Options parse_options(int argc, const char* const* argv) {
    CommandLine line;
    CLI::App app(description, "train");
    app.get_formatter()->column_width(36);
    app.footer(examples);
    add_group(app, "Recipe", line, add_recipe);
    add_group(app, "Data", line, add_data);
    add_group(app, "Model", line, add_model);
    add_group(app, "Training", line, add_training);
    add_group(app, "Machine", line, add_machine);
    add_group(app, "Output", line, add_output);
    add_group(app, "Instead of training", line, add_other_modes);
    try {
        tools::parse_arguments(app, argc, argv);
    } catch (const CLI::CallForHelp&) {
        std::cout << app.help();
        throw;
    }
    check_together(line, app);
    line.options.recipe = resolve(line);
    take_model(line);
    if (asks_for_validation(line)) line.options.validation = line.options.recipe.data.validation;
    line.options.existing = line.overwrite       ? Existing::overwrite
                            : line.allow_changes ? Existing::allow_changes
                                                 : Existing::resume;
    return line.options;
}

}  // namespace vitrine::train

// The command line of train: see options.h.

#include "tools/train/options.h"

#include <fmt/format.h>

#include <iostream>
#include <limits>

#include "data/dataset.h"
#include "engine/error.h"
#include "models/models.h"
#include "tools/common/command_line.h"

namespace vitrine::train {
namespace {

using tools::add_choice;
using tools::add_number;
using tools::add_whole;

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr int64_t billion = 1'000'000'000;

constexpr const char* description =
    "Trains an image classifier from a folder of images: decodes and caches the images, fits the model, "
    "measures\n"
    "it after each epoch, and keeps the last and the best weights as safetensors that PyTorch can load.";

constexpr const char* examples =
    "Examples:\n"
    "  train                                       BasicBlockNet on Debian's Fashion-MNIST\n"
    "  train --data PHOTOS --model mobilenet_v2 --image-size 64 --epochs 20\n"
    "                                              PHOTOS/train/CLASS/*.jpg and PHOTOS/val/CLASS/*.jpg\n"
    "  train --model mobilenet_v2 --summary        what the model consists of and costs\n"
    "  train --data PHOTOS --eval-only runs/x/best.safetensors\n"
    "\n"
    "The run's folder: run.json (all settings), metrics.jsonl (a line an epoch), last.safetensors, "
    "best.safetensors.\n"
    "Ctrl-C finishes the step, writes last.safetensors and ends with code 130; a second one ends at once.\n"
    "Exit codes: 0 done; 1 the loss or a weight stopped being finite; 2 something on the command line or in "
    "the\n"
    "data has to be put right; 130 and 143 ended by a signal.";

std::vector<std::string> model_names() {
    std::vector<std::string> names;
    for (const models::ModelInfo& model : models::all_models()) names.emplace_back(model.name);
    return names;
}

std::vector<std::string> device_names() {
    std::vector<std::string> names{"auto"};
    for (const Device device : all_devices) names.emplace_back(name_of(device));
    return names;
}

void add_data(CLI::App& app, Options& options) {
    app.add_option("--data", options.data, "Folder of the data set [Debian's Fashion-MNIST]")
        ->type_name("DIR");
    add_choice(
        app, "--dataset", dataset_kinds(), [&](const std::string& kind) { options.dataset = kind; },
        "How the folder is laid out [auto: by its files]");
    add_whole(
        app, "--image-size", 1, 4096, [&](int64_t size) { options.image_size = size; },
        "Side in pixels that images are resized and cropped to\n[the data's own, 64 for folders of images; "
        "for\nbasic_block_net rounded up to a multiple of 8]");
    add_number(
        app, "--subset", {0.0, 1.0, true}, [&](double share) { options.subset = share; },
        "Share of the training images of each class to use [1]");
    add_number(
        app, "--validation", {0.0, 1.0, true, true}, [&](double share) { options.validation = share; },
        "Share to hold out where the data have no validation\nimages of their own [0.2]");
    app.add_flag("--strict", options.strict, "A damaged image is an error instead of being skipped");
    app.add_option("--cache", options.cache, "Where decoded images are kept [~/.cache/vitrine]")
        ->type_name("DIR");
}

void add_model(CLI::App& app, Options& options) {
    add_choice(
        app, "--model", model_names(), [&](const std::string& name) { options.model = name; },
        "What to train [basic_block_net]");
    add_number(
        app, "--width-mult", {0.0, 10.0, true}, [&](double width) { options.width_mult = width; },
        "Factor on the channels of mobilenet_v2 [1]");
    add_number(
        app, "--dropout", {0.0, 1.0, false, true}, [&](double share) { options.dropout = share; },
        "Share dropped before mobilenet_v2's classifier [0.2]");
}

void add_training(CLI::App& app, Options& options) {
    const Options defaults;
    add_whole(
        app, "--epochs", 1, 1'000'000, [&](int64_t epochs) { options.epochs = epochs; },
        fmt::format("Passes over the training images [{}]", defaults.epochs));
    add_whole(
        app, "--batch-size", 1, 1'000'000, [&](int64_t size) { options.batch_size = size; },
        fmt::format("Images a step; an incomplete last batch is left out [{}]", defaults.batch_size));
    add_number(
        app, "--lr", {0.0, infinity, true}, [&](double rate) { options.learning_rate = rate; },
        "Learning rate: the first, or one_cycle's highest\n[0.1 for basic_block_net, 0.02 for mobilenet_v2]");
    add_choice(
        app, "--schedule", {"constant", "cosine", "one_cycle"},
        [&](const std::string& name) { options.schedule = optim::schedule_from_name(name); },
        "Of the learning rate over the run [one_cycle]");
    add_number(
        app, "--momentum", {0.0, 1.0, false, true}, [&](double momentum) { options.momentum = momentum; },
        fmt::format("Of stochastic gradient descent [{}]", defaults.momentum));
    app.add_flag("--nesterov", options.nesterov, "Look ahead along the momentum");
    add_number(
        app, "--weight-decay", {0.0, infinity}, [&](double decay) { options.weight_decay = decay; },
        fmt::format("Pull of all parameters towards zero [{}]", defaults.weight_decay));
    add_number(
        app, "--label-smoothing", {0.0, 1.0}, [&](double share) { options.label_smoothing = share; },
        "Share of the target given to all classes alike [0]");
    add_whole(
        app, "--max-steps", 1, billion, [&](int64_t steps) { options.max_steps = steps; },
        "End the run after so many steps; the schedule is as long");
    add_whole(
        app, "--seed", 0, std::numeric_limits<int64_t>::max(),
        [&](int64_t seed) { options.seed = static_cast<uint64_t>(seed); },
        "Of everything random; the same seed gives the same bits [0]");
}

void add_machine(CLI::App& app, Options& options) {
    add_choice(
        app, "--device", device_names(), [&](const std::string& name) { options.device = name; },
        "Where to compute [auto]");
    add_whole(
        app, "--threads", 0, 4096, [&](int64_t threads) { options.threads = static_cast<int>(threads); },
        "Of the computation; results do not depend on it\n[0: one for each core]");
    app.add_flag("--check-kernels", options.check_kernels,
                 "With --device simt: stop at a kernel's first race,\naccess out of bounds or misuse of a "
                 "barrier (slow)");
    app.add_option("--impl", options.implementations,
                   "Force an implementation of an op; can be repeated\n(gradcheck --list names them)")
        ->type_name("OP=NAME")
        ->take_all()
        ->allow_extra_args(false);
}

void add_output(CLI::App& app, Options& options) {
    app.add_option("--out", options.out, "The run's folder [runs/MODEL-DATE-TIME]")->type_name("DIR");
    app.add_flag("--overwrite", options.overwrite, "Replace the run that is in that folder");
    app.add_flag("--json", options.json, "One JSON object a line instead of text");
    app.add_flag("--quiet", options.quiet, "Nothing but the last line");
}

void add_other_modes(CLI::App& app, Options& options) {
    app.add_option("--eval-only", options.eval_only, "Measure this model on the validation images")
        ->type_name("FILE");
    app.add_flag("--summary", options.summary, "Print the model's layer table; needs no data");
    add_whole(
        app, "--classes", 1, 1'000'000, [&](int64_t classes) { options.classes = classes; },
        "Classes of the model in the summary [10]");
}

void add_group(CLI::App& app, const char* title, Options& options, void (*add)(CLI::App&, Options&)) {
    app.option_defaults()->group(title);  // of the options that are added from now on
    add(app, options);
}

void check_together(const Options& options, const CLI::App& app) {
    const bool mobile = options.model_name() == "mobilenet_v2" || !options.eval_only.empty();
    if (options.width_mult && !mobile)
        throw Error(fmt::format("--width-mult: {} has no width to scale; it is for mobilenet_v2",
                                options.model_name()));
    if (options.dropout && !mobile)
        throw Error(
            fmt::format("--dropout: {} has no dropout; it is for mobilenet_v2", options.model_name()));
    if (options.nesterov && options.momentum == 0.0) throw Error("--nesterov needs a --momentum above 0");
    if (options.batch_size == 1 && options.eval_only.empty())
        throw Error("--batch-size 1: batch norm needs at least 2 images in a training batch");
    if (options.json && options.quiet) throw Error("--json and --quiet: choose one of them");
    if (options.summary && !options.eval_only.empty())
        throw Error("--summary and --eval-only: choose one of them");
    if (app.count("--classes") != 0 && !options.summary)
        throw Error("--classes is for --summary; in training the data decide the number of classes");
    if (options.overwrite && options.out.empty())
        throw Error("--overwrite needs --out: a run without it has a new folder of its own");
    for (const char* flag : {"--out", "--cache", "--data", "--eval-only"}) {
        if (app.count(flag) != 0 && app[flag]->as<std::string>().empty())
            throw Error(fmt::format("{}: the name of a file or folder is needed, not an empty text", flag));
    }
}

}  // namespace

double Options::resolved_learning_rate() const {
    constexpr double small_network = 0.1, deep_network = 0.02;
    return learning_rate.value_or(model_name() == "mobilenet_v2" ? deep_network : small_network);
}

Options parse_options(int argc, const char* const* argv) {
    Options options;
    CLI::App app(description, "train");
    app.get_formatter()->column_width(36);
    app.footer(examples);
    add_group(app, "Data", options, add_data);
    add_group(app, "Model", options, add_model);
    add_group(app, "Training", options, add_training);
    add_group(app, "Machine", options, add_machine);
    add_group(app, "Output", options, add_output);
    add_group(app, "Instead of training", options, add_other_modes);
    try {
        app.parse(argc, argv);
    } catch (const CLI::CallForHelp&) {
        std::cout << app.help();
        throw;
    }
    check_together(options, app);
    return options;
}

}  // namespace vitrine::train

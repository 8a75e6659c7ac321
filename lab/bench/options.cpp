// The command line of bench: see options.h.

#include "lab/bench/options.h"

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <iostream>

#include "models/models.h"
#include "tools/common/command_line.h"
#include "tools/common/device_choice.h"
#include "tools/common/subcommands.h"

namespace vitrine::tools {
namespace {

constexpr const char* description =
    "Times training steps, single ops and augmentation, as a share of what this machine can do at best: its "
    "multiply-adds\n"
    "and its memory's bytes a second, which are measured first. What other machines would do is worked out.";

constexpr const char* examples =
    "Examples:\n"
    "  bench step --model mobilenet_v2 --per-op     whole training steps, and where their time goes\n"
    "  bench step --model basic_block_net --image-size 32 --batch-size 128 --json\n"
    "  bench step --predict rtx3090 --batch-size 512  a step's time on a GPU that is not here, worked out\n"
    "  bench eval --model mobilenet_v2              a batch's logits, in evaluation mode\n"
    "  bench op depthwise_conv                      its implementations against each other, shape by shape\n"
    "  bench op pointwise_conv_backward --impl pointwise_conv_backward=onednn\n"
    "  bench augment                                augmentation, op by op and in whole pipelines\n"
    "  bench scale --ranks 1..512 --predict h100    how many images a second so many GPUs would train on\n"
    "\n"
    "'bench step --help' lists the options of step, and so for the others. lab/bench/README.md says what "
    "the figures mean.";

constexpr const char* exit_codes =
    "Exit codes: 0 done; 1 the work failed; 2 something on the command line has to be put right.";

/// What all commands take, before it is known which one it is.
struct Common {
    std::string device = "auto";
    std::string model;
    int64_t image_size = 0, batch_size = 32, classes = 1000;
    int steps = 0;  // 0: the command's own
};

std::vector<std::string> device_names() {
    std::vector<std::string> names{"auto"};
    for (const Device device : all_devices) names.emplace_back(name_of(device));
    return names;
}

std::vector<std::string> gpu_names() {
    std::vector<std::string> names;
    for (const Gpu& gpu : all_gpus()) names.emplace_back(gpu.name);
    return names;
}

void add_common(CLI::App& command, Common& common, BenchOptions& options, const std::string& model_help) {
    command.get_formatter()->column_width(36);
    command.footer(exit_codes);
    command.option_defaults()->group("The training step");
    add_choice(
        command, "--model", models::model_names(), [&](const std::string& name) { common.model = name; },
        model_help);
    add_whole(
        command, "--image-size", 1, 4096, [&](int64_t size) { common.image_size = size; },
        "Side of the images in pixels\n[what the model was made for]");
    add_whole(
        command, "--batch-size", 2, 65536, [&](int64_t size) { common.batch_size = size; },
        "Images in a step [32]");
    add_whole(
        command, "--classes", 1, 1'000'000, [&](int64_t count) { common.classes = count; },
        "Outputs of the model [1000]");
    command.option_defaults()->group("Machine and output");
    add_choice(
        command, "--device", device_names(), [&](const std::string& name) { common.device = name; },
        "Where to run [auto]");
    add_whole(
        command, "--threads", 0, 1024, [&](int64_t count) { options.threads = static_cast<int>(count); },
        "Of the computation [0: one for each core]");
    command
        .add_option("--impl", options.implementations,
                    "Force an implementation of an op, or prefer one in\nall ops; can be repeated "
                    "(gradcheck --list names them)")
        ->type_name("[OP=]NAME")
        ->allow_extra_args(false);
    add_fusion(command);
    command.add_flag("--json", options.json, "Print one JSON object instead of text");
}

void add_autotune(CLI::App& command, BenchOptions& options) {
    command
        .add_option(
            "--autotune", options.autotune,
            "Take for each shape the implementation that is the\nquickest here, and keep what was tried in "
            "this file")
        ->type_name("FILE");
}

CLI::Option* add_predict(CLI::App& command, StepBenchOptions& options, const char* help) {
    return add_choice(
        command, "--predict", gpu_names(),
        [&](const std::string& name) { options.predict_for = &gpu_from_name(name); }, help);
}

void add_steps(CLI::App& command, Common& common, const char* help) {
    add_whole(
        command, "--steps", 1, 1'000'000, [&](int64_t steps) { common.steps = static_cast<int>(steps); },
        help);
}

void take(const Common& common, BenchOptions& options) {
    const Device device = choose_device(common.device).device;
    const auto take_into = [&](auto& command) {
        command.device = device;
        if (!common.model.empty()) command.model = common.model;
        command.image_size = common.image_size;
        command.batch_size = common.batch_size;
        command.classes = common.classes;
        if (common.steps > 0) command.steps = common.steps;
    };
    take_into(options.step);
    take_into(options.op);
    take_into(options.augment);
    take_into(options.scale.step);
}

}  // namespace

BenchOptions parse_bench_options(int argc, const char* const* argv) {
    CLI::App app(description, "bench");
    app.get_formatter()->column_width(36);
    app.footer(fmt::format("{}\n{}", examples, exit_codes));
    BenchOptions options;
    Common common;

    CLI::App* step = app.add_subcommand("step", "Whole training steps of a model on random images");
    step->add_flag("--per-op", options.step.per_op, "A table of where the time goes");
    step->add_flag("--graph", options.step.graph,
                   "Record the step as a graph of the GPU, and launch it at\nonce");
    add_predict(*step, options.step,
                "Work out the step's time on a GPU that is not here;\nmeasures nothing. --per-op tells what "
                "limits each of "
                "its\nfunctions, --impl names implementations for GPUs")
        ->excludes("--graph");
    add_steps(*step, common, "How many to time [10]");
    add_common(*step, common, options,
               fmt::format("The model to train [{}]", models::benchmark_model().name));

    add_precision(*step, options.step.precision);
    add_autotune(*step, options);

    CLI::App* eval = app.add_subcommand("eval", "A model's logits for random images, in evaluation mode");
    add_steps(*eval, common, "How many batches to time [10]");
    add_common(*eval, common, options,
               fmt::format("The model to evaluate [{}]", models::benchmark_model().name));
    add_precision(*eval, options.step.precision);
    add_autotune(*eval, options);

    CLI::App* op = app.add_subcommand("op", "An op's implementations against each other, shape by shape");
    op->add_option(
          "NAME", options.op.op,
          "An op for both passes (depthwise_conv), or one kernel\nof it; gradcheck --list names them")
        ->type_name("")
        ->required();
    add_steps(*op, common, "How many to time with each implementation [5]");
    add_common(*op, common, options, "In whose training the op is timed [the first that\nhas it]");
    add_precision(*op, options.op.precision);

    CLI::App* augment = app.add_subcommand(
        "augment", "Augmentation op by op and in whole pipelines, beside a training step of the model");
    add_whole(
        *augment, "--source-size", 1, 4096, [&](int64_t size) { options.augment.source_size = size; },
        "Side of the data set's images in pixels [64]");
    augment->add_flag("--plan", options.augment.plan_only, "Only how quickly the programs are drawn");
    add_steps(*augment, common, "How many batches of each to time [10]");
    add_common(*augment, common, options,
               fmt::format("Whose training step it is compared with [{}]", models::benchmark_model().name));

    CLI::App* scale = app.add_subcommand(
        "scale", "How many images a second many processes would train on, worked out from one's steps");
    add_scale(*scale, options.scale);
    add_predict(*scale, options.scale.step,
                "Work out the steps of a GPU that is not here, as bench\nstep does")
        ->excludes("--step-ms");
    add_steps(*scale, common, "How many to time [20]");
    add_common(*scale, common, options,
               fmt::format("The model to train [{}]", models::benchmark_model().name));
    add_precision(*scale, options.scale.step.precision);

    try {
        parse_with_command(app, argc, argv);
    } catch (const CLI::CallForHelp&) {
        const auto chosen = app.get_subcommands();
        std::cout << (chosen.empty() ? app.help() : chosen.front()->help("bench"));
        return options;
    }
    options.step.evaluation = eval->parsed();
    options.command = step->parsed() || eval->parsed() ? BenchOptions::Command::step
                      : op->parsed()                   ? BenchOptions::Command::op
                      : scale->parsed()                ? BenchOptions::Command::scale
                                                       : BenchOptions::Command::augment;
    take(common, options);
    // Predictions count what the kernels for GPUs do on simt; --impl names theirs.
    for (StepBenchOptions* command : {&options.step, &options.scale.step})
        if (command->predict_for != nullptr) options.step.device = Device::simt;
    return options;
}

}  // namespace vitrine::tools

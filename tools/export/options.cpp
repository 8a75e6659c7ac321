// The command line of export: see options.h.

#include "tools/export/options.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <iostream>

#include "engine/error.h"
#include "tools/common/command_line.h"

namespace vitrine::exporting {
namespace {

constexpr const char* description =
    "Writes a model that train saved as a file for other programs: ONNX, PyTorch's .pth, or safetensors.";

constexpr const char* notes =
    "Examples:\n"
    "  export runs/photos/best.safetensors --to onnx\n"
    "  export runs/photos/best.safetensors --to onnx --input pixels --output photos.onnx\n"
    "  export runs/photos/best.safetensors --to pth\n"
    "  export runs/photos/checkpoints/step-000001000.safetensors --to safetensors --output "
    "averaged.safetensors\n"
    "\n"
    "An ONNX file is the network in evaluation mode, for any number of images at once; classes and "
    "normalisation are\n"
    "in its metadata.\n"
    "pth and safetensors have torchvision's names and layouts: load_state_dict(strict=True) takes them, and\n"
    "torch.load reads the .pth with weights_only=True.\n"
    "A file that stands where --output points is replaced; without --output it is not.\n"
    "Exit codes: 0 done; 2 something on the command line or in the file has to be put right.";

Format format_of(const std::string& name) {
    return name == "onnx" ? Format::onnx : name == "pth" ? Format::pth : Format::safetensors;
}

void add_options(CLI::App& app, Options& options) {
    app.add_option("FILE", options.file, "The model: a .safetensors file that train wrote")->required();

    app.option_defaults()->group("Output");
    tools::add_choice(
        app, "--to", {"onnx", "pth", "safetensors"},
        [&](const std::string& name) { options.format = format_of(name); }, "What to write")
        ->required();
    app.add_option("--output", options.output, "Where [beside FILE, with the format's ending]")
        ->type_name("PATH");

    app.option_defaults()->group("Of ONNX");
    tools::add_choice(
        app, "--input", {"normalized", "pixels"},
        [&](const std::string& name) {
            options.input = name == "pixels" ? OnnxInput::pixels : OnnxInput::normalized;
        },
        "What the network is given: (pixel / 255 - mean) / deviation\nas f32 [N, 3, H, W], or u8 [N, H, W, "
        "3], which it\n"
        "normalises itself [normalized]");
    tools::add_choice(
        app, "--fold-norms", {"on", "off"},
        [&](const std::string& choice) { options.fold_norms = choice == "on"; },
        "Batch norms as a part of the convolutions before them [on]");

    app.option_defaults()->group("Of a checkpoint of a run (its folder checkpoints/)");
    tools::add_choice(
        app, "--weights", {"averaged", "plain"},
        [&](const std::string& name) {
            options.weights = name == "averaged" ? Weights::averaged : Weights::plain;
        },
        "Which of its weights [averaged where the run has them]");
    app.add_flag("--optimizer", options.optimizer,
                 "With --to pth: {\"model\": …, \"optimizer\": …}, the plain\nweights and the state of "
                 "torch.optim.SGD");
    tools::add_given_model(app, options.given);
}

/// Without --output a file is written beside the model, and nothing is lost by that.
void choose_output(Options& options) {
    namespace fs = std::filesystem;
    const fs::path path = fs::path(options.file).replace_extension(ending_of(options.format));
    std::error_code failure;
    if (path == fs::path(options.file))
        throw Error(
            fmt::format("{} would be written over itself: name another file with --output", options.file));
    if (fs::exists(fs::symlink_status(path, failure)))
        throw Error(fmt::format("{} is there already: name it with --output to replace it", path.string()));
    options.output = path.string();
}

}  // namespace

std::string ending_of(Format format) {
    return format == Format::onnx ? ".onnx" : format == Format::pth ? ".pth" : ".safetensors";
}

Options parse_options(int argc, const char* const* argv) {
    Options options;
    CLI::App app(description, "export");
    app.get_formatter()->column_width(36);
    app.footer(notes);
    add_options(app, options);
    try {
        tools::parse_arguments(app, argc, argv);
    } catch (const CLI::CallForHelp&) {
        std::cout << app.help();
        throw;
    }
    for (const char* flag : {"--input", "--fold-norms"}) {
        if (app.count(flag) != 0 && options.format != Format::onnx)
            throw Error(fmt::format("{} is of --to onnx alone: leave it out", flag));
    }
    if (options.optimizer && options.format != Format::pth)
        throw Error("--optimizer is of --to pth alone: leave it out");
    if (options.optimizer && options.weights == Weights::averaged)
        throw Error("--optimizer: its state belongs to the plain weights, not to --weights averaged");
    if (app.count("--output") == 0) choose_output(options);
    return options;
}

}  // namespace vitrine::exporting

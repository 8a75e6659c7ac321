// The command line of predict: see options.h.

#include "tools/predict/options.h"

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <iostream>

#include "engine/error.h"
#include "kernels/device.h"
#include "tools/common/command_line.h"

namespace vitrine::predict {
namespace {

constexpr const char* description =
    "Classifies images with a model that train saved: a line for each image, with its path, class and "
    "probability\n"
    "behind tabs.";

constexpr const char* notes =
    "Examples:\n"
    "  predict runs/photos/best.safetensors holiday.jpg\n"
    "  predict runs/photos/best.safetensors new_photos --top 3 --csv submission.csv\n"
    "  predict runs/photos/best.safetensors photos/test.csv --csv submission.csv\n"
    "  predict weights_of_pytorch.pth new_photos --model mobilenet_v2 --classes names.txt\n"
    "\n"
    "Images are prepared as in the validation of the run that saved the model. Folders are searched with all "
    "folders\nbelow them, linked ones too, in the order of names; names that begin with a dot are left "
    "out, as in training.\n"
    "A checkpoint from elsewhere (a state_dict that PyTorch saved) needs --model; its classes have the names "
    "of "
    "--classes,\n"
    "and images are normalised as for torchvision's ImageNet weights.\n"
    "Exit codes: 0 done; 1 an image was damaged and left out; 2 something on the command line has to be put "
    "right.";

std::vector<std::string> device_names() {
    std::vector<std::string> names{"auto"};
    for (const Device device : all_devices) names.emplace_back(name_of(device));
    return names;
}

void add_options(CLI::App& app, Options& options) {
    app.add_option("CHECKPOINT", options.checkpoint, "The model: a .safetensors file, or one of torch.save")
        ->required();
    app.add_option("IMAGE|FOLDER|TABLE", options.inputs, "What to classify")->required();

    app.option_defaults()->group("Output");
    tools::add_whole(
        app, "--top", 1, 1'000'000, [&](int64_t top) { options.top = top; },
        "Classes for each image, the most probable first [1]");
    app.add_option("--csv", options.csv,
                   "Also write file names and classes: as a\nsample_submission.csv, test.csv or train.csv "
                   "beside\nthem has it, else as Id,Category")
        ->type_name("FILE");
    app.add_option("--image-column", options.image_column,
                   "Of such a table: its column of images [told by its\nname]")
        ->type_name("NAME");
    app.add_option("--label-column", options.label_column,
                   "Of such a table: its column of classes [told by its\nname]")
        ->type_name("NAME");
    app.add_option("--logits", options.logits,
                   "Also write the network's own numbers: image, then a\ncolumn for each class")
        ->type_name("FILE");
    app.add_flag("--strict", options.strict,
                 "A damaged image, or a file that looks like one and\ncannot be read, ends the program");

    app.option_defaults()->group("Machine");
    tools::add_whole(
        app, "--batch-size", 1, 1'000'000, [&](int64_t size) { options.batch_size = size; },
        "Images at a time [64]");
    tools::add_whole(
        app, "--threads", 0, 4096, [&](int64_t threads) { options.threads = static_cast<int>(threads); },
        "Of the computation [0: one for each core]");
    tools::add_choice(
        app, "--device", device_names(), [&](const std::string& name) { options.device = name; },
        "Where to compute [auto]");

    tools::add_given_model(app, options.given);
}

}  // namespace

Options parse_options(int argc, const char* const* argv) {
    Options options;
    CLI::App app(description, "predict");
    app.get_formatter()->column_width(36);
    app.footer(notes);
    add_options(app, options);
    try {
        tools::parse_arguments(app, argc, argv);
    } catch (const CLI::CallForHelp&) {
        std::cout << app.help();
        throw;
    }
    for (const auto& [flag, file] : {std::pair{"--csv", &options.csv}, {"--logits", &options.logits}}) {
        if (app.count(flag) != 0 && file->empty())
            throw Error(fmt::format("{}: the name of a file is needed, not an empty text", flag));
    }
    if (!options.csv.empty() && options.csv == options.logits)
        throw Error(fmt::format("--csv and --logits are both {}: name two files", options.csv));
    return options;
}

}  // namespace vitrine::predict

// The command line of gradcheck: see options.h.

#include "lab/gradcheck/options.h"

#include <CLI/CLI.hpp>
#include <iostream>
#include <limits>

#include "kernels/cores.h"
#include "kernels/cpu/instruction_sets.h"
#include "kernels/error.h"
#include "models/models.h"
#include "tools/common/command_line.h"

namespace vitrine::gradcheck {
namespace {

using tools::add_choice;
using tools::add_fusion;
using tools::add_whole;

constexpr const char* description =
    "Proves the kernels of a device, op by op: gradients against central differences of the device's own "
    "forward, results\n"
    "against the reference device, buffers against overruns, bits from run to run; on simt every access, "
    "too. With --report\n"
    "it says instead what the CUDA kernels ask of a GPU's memory. Neither needs a GPU.";

constexpr const char* examples =
    "Examples:\n"
    "  gradcheck                                    every op of the cpu device\n"
    "  gradcheck --op depthwise_conv                one op, forward and backward\n"
    "  gradcheck --device simt --op batch_norm      the CUDA kernels of one op, run and watched on the CPU\n"
    "  gradcheck --device cuda                      the same kernels on a GPU\n"
    "  gradcheck --instructions avx2                the cpu device as an older processor runs it\n"
    "  gradcheck --impl dense_conv=onednn --op dense_conv\n"
    "  gradcheck --list --device simt               which kernels there are, with their implementations\n"
    "  gradcheck --report --op pointwise_conv --gpu t4 --lines\n"
    "  gradcheck --report --model mobilenet_v2 --image-size 64\n"
    "\n"
    "A line is ok, FAIL or refused (an implementation does not take that problem, and why), then kernel, "
    "implementation,\n"
    "type, problem and the worst errors; the last line counts them. lab/gradcheck/README.md explains all "
    "of it.\n"
    "Exit codes: 0 nothing failed; 1 a check failed; 2 something on the command line has to be put right, or "
    "nothing fits it.";

/// The names of a list, as add_choice takes them.
template <class List>
std::vector<std::string> names_of(const List& list) {
    std::vector<std::string> names;
    for (const auto& each : list) names.emplace_back(each.name);
    return names;
}

std::vector<std::string> device_names() {
    std::vector<std::string> names;
    for (const Device device : all_devices) names.emplace_back(name_of(device));
    return names;
}

struct Arguments {
    std::string device;
    std::string gpu = "h100";
    int processes = 0;
    bool list = false, report = false;
};

void add_selection(CLI::App& app, Arguments& arguments, Options& options) {
    add_choice(
        app, "--device", device_names(), [&](const std::string& name) { arguments.device = name; },
        "Whose kernels [cpu; simt with --report]");
    app.add_option("--op", options.op,
                   "A kernel, or an op for its forward and backward\n[all] (--list names them)")
        ->type_name("NAME");
    app.add_option("--shape", options.shape, "Only problems whose description contains this text")
        ->type_name("TEXT");
    app.add_option("--impl", options.forced,
                   "Only this implementation of an op, or of all ops;\ncan be repeated (--list names them)")
        ->type_name("[OP=]NAME")
        ->take_all()
        ->allow_extra_args(false);
    app.add_flag("--json", options.json, "One JSON object a line instead of text");
    app.add_flag("--list", arguments.list, "Print every kernel with its implementations, and\ncheck nothing");
}

void add_check(CLI::App& app, Arguments& arguments, Options& options) {
    CLI::Option* once =
        app.add_flag("--once", options.once,
                     "Every launch once, the first of each problem without\nguard zones, and no differences: "
                     "for\ncompute-sanitizer");
    CLI::Option* thorough =
        app.add_flag("--thorough", options.thorough,
                     "simt: watch every launch and difference every sample,\nhowever long it takes");
    thorough->excludes(once);
    add_choice(
        app, "--instructions", cpu::instruction_sets(),
        [&](const std::string& name) { options.instructions = name; },
        "cpu: no better instruction set than this one of the\nprocessor's [the best]");
    add_whole(
        app, "--processes", 0, 1024, [&](int64_t count) { arguments.processes = static_cast<int>(count); },
        "simt: how many processes share the problems\n[0: one for each core]");
    add_whole(
        app, "--math-ulps", 0, 1000, [&](int64_t ulps) { options.math_ulps = static_cast<int>(ulps); },
        "simt: exp, log and the like are off by up to so many\nunits in the last place, as another library's "
        "are [0]");
    add_whole(
        app, "--math-seed", 0, std::numeric_limits<int64_t>::max(),
        [&](int64_t seed) { options.math_seed = static_cast<uint64_t>(seed); }, "simt: of --math-ulps [0]");
}

void add_report(CLI::App& app, Arguments& arguments, Options& options) {
    app.add_flag(
        "--report", arguments.report,
        "simt: sectors, bank conflicts, bytes and FLOPs at\nshapes of real models, in place of the checks");
    add_choice(
        app, "--gpu", names_of(tools::all_gpus()), [&](const std::string& name) { arguments.gpu = name; },
        "Whose roofline the report applies [h100]");
    app.add_flag("--lines", options.lines, "Source lines too, the worst first");
    add_choice(
        app, "--model", names_of(models::all_models()),
        [&](const std::string& name) { options.model.model = name; },
        "Report a training step of this model, not single ops");
    add_fusion(app);
    tools::add_precision(app, options.model.precision);
    add_whole(
        app, "--image-size", 1, 4096, [&](int64_t size) { options.model.image_size = size; },
        "Of the step [what the model was made for]");
    add_whole(
        app, "--batch-size", 2, 65536, [&](int64_t size) { options.model.batch_size = size; },
        "Of the step [2]");
    add_whole(
        app, "--classes", 1, 1'000'000, [&](int64_t count) { options.model.classes = count; },
        "Outputs of the model [10]");
}

void add_group(CLI::App& app, const char* title, Arguments& arguments, Options& options,
               void (*add)(CLI::App&, Arguments&, Options&)) {
    app.option_defaults()->group(title);  // of the options that are added from now on
    add(app, arguments, options);
}

void take(const Arguments& arguments, Options& options) {
    const char* usual = arguments.report ? "simt" : "cpu";
    options.device = device_from_name(arguments.device.empty() ? usual : arguments.device);
    if (arguments.report && options.device != Device::simt)
        throw Error("--report is for --device simt: no other device can count what its kernels do");
    if (!options.model.model.empty() && !arguments.report) throw Error("--model belongs to --report");
    if (options.model.precision != DType::f32 && options.model.model.empty())
        throw Error("--precision is of --report --model: the checks are made in every type");
    if ((options.math_ulps != 0 || options.math_seed != 0) && options.device != Device::simt)
        throw Error("--math-ulps and --math-seed are for --device simt: another device has its own library");
    if (!options.instructions.empty() && options.device != Device::cpu)
        throw Error("--instructions is for --device cpu: no other device's kernels are compiled for several");
    options.gpu = &tools::gpu_from_name(arguments.gpu);
    // The devices that may fail are used in other processes; one, where there is one GPU.
    const bool of_the_host = options.device == Device::cpu || options.device == Device::reference;
    options.processes = of_the_host                      ? 0
                        : options.device == Device::cuda ? 1
                        : arguments.processes > 0        ? arguments.processes
                                                         : usable_cores();
    options.command = arguments.list     ? Options::Command::list
                      : arguments.report ? Options::Command::report
                                         : Options::Command::check;
}

}  // namespace

Options parse_options(int argc, const char* const* argv) {
    CLI::App app(description, "gradcheck");
    app.get_formatter()->column_width(36);
    app.footer(examples);
    Arguments arguments;
    Options options;
    add_group(app, "What", arguments, options, add_selection);
    add_group(app, "The checks", arguments, options, add_check);
    add_group(app, "The report", arguments, options, add_report);
    try {
        tools::parse_arguments(app, argc, argv);
    } catch (const CLI::CallForHelp&) {
        std::cout << app.help();
        options.command = Options::Command::help;
        return options;
    }
    take(arguments, options);
    return options;
}

}  // namespace vitrine::gradcheck

// The command line of gradcheck: see options.h.

#include "tools/gradcheck/options.h"

#include <CLI/CLI.hpp>

#include "kernels/cores.h"
#include "kernels/error.h"

namespace vitrine::gradcheck {
namespace {

struct Arguments {
    std::string device;
    std::string gpu = "h100";
    int processes = 0;
    bool list = false, report = false;
};

void add_selection(CLI::App& app, Arguments& arguments, Options& options) {
    app.add_option("--device", arguments.device, "cpu, reference, simt or cuda [cpu; simt with --report]");
    app.add_option("--op", options.op, "a kernel, or an op for its forward and backward")
        ->capture_default_str();
    app.add_option("--shape", options.shape, "only problems whose description contains this text");
    app.add_option("--impl", options.forced,
                   "op=implementation: only this one of the op; or an implementation: only this one, of all "
                   "ops; can be "
                   "repeated")
        ->take_all();
    app.add_flag("--json", options.json, "print one JSON object per line");
}

void add_check(CLI::App& app, Arguments& arguments, Options& options) {
    app.add_flag("--list", arguments.list, "print every kernel with its implementations, and check nothing");
    CLI::Option* once =
        app.add_flag("--once", options.once,
                     "every launch once, the first of each problem without guard zones, and no "
                     "differences: for compute-sanitizer");
    CLI::Option* thorough =
        app.add_flag("--thorough", options.thorough,
                     "simt: watch every launch and difference every sample, however long it takes");
    thorough->excludes(once);
    app.add_option("--processes", arguments.processes,
                   "simt: how many processes share the problems [0: one for each core]")
        ->check(CLI::Range(0, 1024));
    app.add_option("--math-ulps", options.math_ulps,
                   "simt: exp, log and the like are off by up to so many units in the last place, as another "
                   "library's are [0]")
        ->check(CLI::Range(0, 1000));
    app.add_option("--math-seed", options.math_seed, "simt: of --math-ulps [0]");
}

void add_report(CLI::App& app, Arguments& arguments, Options& options) {
    app.add_flag("--report", arguments.report,
                 "simt: what the kernels ask of the memory at shapes of real models, in place of the checks");
    app.add_option("--gpu", arguments.gpu, "whose roofline the report applies")->capture_default_str();
    app.add_flag("--lines", options.lines, "source lines in the report, the worst first");
    app.add_option("--model", options.model.model, "report a training step of this model");
    app.add_option("--image-size", options.model.image_size, "of the step [what the model was made for]")
        ->check(CLI::Range(1, 4096));
    app.add_option("--batch-size", options.model.batch_size, "of the step")
        ->check(CLI::Range(2, 65536))
        ->capture_default_str();
    app.add_option("--classes", options.model.classes, "outputs of the model")
        ->check(CLI::Range(1, 1'000'000))
        ->capture_default_str();
}

void take(const Arguments& arguments, Options& options) {
    const char* usual = arguments.report ? "simt" : "cpu";
    options.device = device_from_name(arguments.device.empty() ? usual : arguments.device);
    if (arguments.report && options.device != Device::simt)
        throw Error("--report is for --device simt: no other device can count what its kernels do");
    if (!options.model.model.empty() && !arguments.report) throw Error("--model belongs to --report");
    if ((options.math_ulps != 0 || options.math_seed != 0) && options.device != Device::simt)
        throw Error("--math-ulps and --math-seed are for --device simt: another device has its own library");
    options.gpu = &gpu_from_name(arguments.gpu);
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
    CLI::App app{
        "Checks every op of a device: gradients against central differences, results against the reference. "
        "With --report, says what the simt device's kernels would cost on a GPU."};
    Arguments arguments;
    Options options;
    add_selection(app, arguments, options);
    add_check(app, arguments, options);
    add_report(app, arguments, options);
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        if (error.get_exit_code() != 0) throw;
        app.exit(error);
        options.command = Options::Command::help;
        return options;
    }
    take(arguments, options);
    return options;
}

}  // namespace vitrine::gradcheck

// bench: how fast a training step or a single op is, against what this machine can do at best.

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>

#include "kernels/error.h"
#include "kernels/kernels.h"
#include "kernels/threads.h"
#include "tools/bench/step_bench.h"

namespace {

using namespace vitrine;

struct Options {
    tools::StepBenchOptions step;
    std::string device = "cpu";
    std::vector<std::string> implementations;
    int threads = 0;
    bool json = false;
};

void add_common(CLI::App& command, Options& options) {
    command.add_option("--device", options.device, "cpu or reference")->capture_default_str();
    command.add_option("--impl", options.implementations, "force an implementation: op=name (repeatable)");
    command.add_option("--threads", options.threads, "0: one for each core")->capture_default_str();
    command.add_option("--batch-size", options.step.batch_size)
        ->capture_default_str()
        ->check(CLI::PositiveNumber);
    command.add_option("--image-size", options.step.image_size)
        ->capture_default_str()
        ->check(CLI::PositiveNumber);
    command.add_option("--steps", options.step.steps, "how often to measure")
        ->capture_default_str()
        ->check(CLI::PositiveNumber);
    command.add_flag("--json", options.json, "one JSON object instead of text");
}

void run_step(Options& options) {
    options.step.device = device_from_name(options.device);
    for (const std::string& implementation : options.implementations) {
        force_implementation(options.step.device, implementation);
    }
    set_threads(options.threads);
    const tools::Peak peak = tools::measure_peak();
    const tools::StepBenchResult result = tools::bench_step(options.step);
    fmt::print("{}", options.json ? tools::format_step_json(options.step, result, peak)
                                  : tools::format_step(options.step, result, peak));
}

}  // namespace

int main(int argc, char** argv) {
    CLI::App app("Times training steps and ops, as a share of this machine's measured peaks.");
    app.require_subcommand(1);
    Options options;

    CLI::App* step = app.add_subcommand("step", "whole training steps of a model on random images");
    step->add_option("--model", options.step.model)->capture_default_str();
    step->add_option("--classes", options.step.classes)->capture_default_str()->check(CLI::PositiveNumber);
    step->add_flag("--per-op", options.step.per_op, "a table of where the time goes");
    add_common(*step, options);

    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? 0 : 2;
    }
    try {
        run_step(options);
    } catch (const Error& error) {
        fmt::print(stderr, "bench: {}\n", error.what());
        return 2;
    }
}

// inspect step: a training step as a page for a browser.

#include <CLI/CLI.hpp>

#include <filesystem>
#include <iostream>
#include <memory>
#include <string>

#include "engine/atomic_file.h"
#include "engine/escape.h"
#include "lab/inspect/commands.h"
#include "lab/inspect/source/step_source.h"
#include "lab/inspect/step_page/step_page.h"
#include "lab/inspect/step_page/troubles.h"
#include "tools/common/output_file.h"

namespace vitrine::inspect {
namespace {

struct Options {
    StepSource source;
    std::string out = "step.html";
};

int write_page(const Options& options) {
    tools::check_output_file("--out", options.out);
    const std::filesystem::path inputs[] = {options.source.file, options.source.data};
    tools::refuse_input_as_output("--out", options.out, inputs);
    const PreparedStep prepared = prepare(options.source);
    const CapturedStep step = capture_step(*prepared.model, prepared.input, prepared.settings);
    write_atomically(options.out, {step_html(step, prepared, "inspect value" + arguments_of(options.source))},
                     Links::follow);
    std::cout << escape(options.out) << '\n';
    for (const Trouble& trouble : troubles_of(step))
        std::cout << step.ops[static_cast<size_t>(trouble.op)].name << ": " << trouble.kind << ". "
                  << trouble.sentence << '\n';
    return 0;
}

}  // namespace

Command add_step(CLI::App& app) {
    CLI::App* command =
        app.add_subcommand("step", "A training step as a page for a browser: every op, there and back");
    auto options = std::make_shared<Options>();
    add_step_source(*command, options->source);
    command->option_defaults()->group("Output");
    command->add_option("--out", options->out, "The page [step.html]")->type_name("FILE");
    return {command, [options] { return write_page(*options); }};
}

}  // namespace vitrine::inspect

// inspect value: why a number is what it is.

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <iostream>
#include <memory>
#include <string>

#include "lab/inspect/commands.h"
#include "lab/inspect/source/step_source.h"
#include "lab/inspect/terms/chosen_number.h"
#include "lab/inspect/terms/ops.h"
#include "tools/common/command_line.h"

namespace vitrine::inspect {
namespace {

struct ValueOptions {
    StepSource source;
    ChosenNumber number;
    size_t terms = 24;
};

/// Every op with its outputs.
void list_ops(const CapturedStep& step) {
    size_t width = 0;
    for (const CapturedOp& op : step.ops) width = std::max(width, op.name.size());
    if (step.making)
        std::cout << fmt::format("{:<{}}  {:<21}  x {}\n", "images", width, "(the batch)",
                                 step.tensors[step.images].value.shape().to_string());
    for (const CapturedOp& op : step.ops) {
        const OpTerms* terms = terms_of(op.op);
        if (terms == nullptr) continue;
        std::string outputs;
        for (size_t k = 0; k < op.outputs.size(); ++k)
            outputs += fmt::format("  {} {}", terms->outputs[k],
                                   step.tensors[op.outputs[k]].value.shape().to_string());
        std::cout << fmt::format("{:<{}}  {:<21}{}\n", op.name, width, op.op, outputs);
    }
}

int run(const ValueOptions& options) {
    check(options.number);
    const PreparedStep prepared = prepare(options.source);
    const CapturedStep step = capture_step(*prepared.model, prepared.input, prepared.settings);
    if (options.number.is_chosen()) {
        Explainer explainer(step, options.terms);
        std::cout << to_text(explain(explainer, step, options.number));
    } else {
        list_ops(step);
    }
    return 0;
}

}  // namespace

Command add_value(CLI::App& app) {
    CLI::App* command = app.add_subcommand(
        "value",
        "Why a number of a training step is what it is; without --op and --parameter, which ops there are");
    auto options = std::make_shared<ValueOptions>();
    command->option_defaults()->group("The number");
    command->add_option("--op", options->number.op, "An element of what this op left; images: of the batch");
    command->add_option("--output", options->number.output,
                        "Which of its outputs, where it has several [the first]");
    command->add_option("--parameter", options->number.parameter, "An element of this parameter");
    command->add_option("--at", options->number.at, "Which element: its place along each axis, 0,5,7,12");
    command->add_flag("--gradient", options->number.gradient, "Its gradient");
    command->add_flag("--update", options->number.update, "The parameter's value after the update");
    tools::add_whole(
        *command, "--terms", 1, 1'000'000,
        [options](int64_t count) { options->terms = static_cast<size_t>(count); },
        "Print the largest of them, so many [24]");
    add_step_source(*command, options->source);
    return {command, [options] { return run(*options); }};
}

}  // namespace vitrine::inspect

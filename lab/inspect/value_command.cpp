// inspect value: why a number is what it is.

#include <CLI/CLI.hpp>

#include <iostream>
#include <memory>

#include "lab/inspect/commands.h"
#include "lab/inspect/source/step_source.h"

namespace vitrine::inspect {

Command add_value(CLI::App& app) {
    CLI::App* command = app.add_subcommand("value", "Why a number of a training step is what it is");
    auto source = std::make_shared<StepSource>();
    add_step_source(*command, *source);
    return {command, [source] {
                const PreparedStep prepared = prepare(*source);
                const CapturedStep step = capture_step(*prepared.model, prepared.input, prepared.settings);
                for (const CapturedOp& op : step.ops) std::cout << op.name << '\n';
                return 0;
            }};
}

}  // namespace vitrine::inspect

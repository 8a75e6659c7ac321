// inspect: what happened in a training step, why a number is what it is. See README.md.

#include <CLI/CLI.hpp>

#include <iostream>
#include <vector>

#include "lab/inspect/commands.h"
#include "tools/common/run_program.h"
#include "tools/common/subcommands.h"

namespace {

using namespace vitrine;

constexpr const char* description =
    "Looks inside: a training step, why a number in it is what it is, and a CUDA kernel at work.";
constexpr const char* footer =
    "'inspect value --help' lists the options of value, and so for the others. lab/inspect/README.md says "
    "more.\n"
    "Exit codes: 0 done; 1 the work failed; 2 something on the command line has to be put right.";

int run(int argc, char** argv) {
    CLI::App app(description, "inspect");
    app.get_formatter()->column_width(36);
    app.footer(footer);
    const std::vector<inspect::Command> commands{inspect::add_step(app), inspect::add_value(app),
                                                 inspect::add_kernel(app), inspect::add_lesson(app)};
    try {
        tools::parse_with_command(app, argc, argv);
    } catch (const CLI::CallForHelp&) {
        const auto chosen = app.get_subcommands();
        std::cout << (chosen.empty() ? app.help() : chosen.front()->help("inspect"));
        return 0;
    }
    for (const inspect::Command& command : commands) {
        if (command.parser->parsed()) return command.run();
    }
    return 0;
}

}  // namespace

int main(int argc, char** argv) {
    return tools::run_program("inspect", [&] { return run(argc, argv); });
}

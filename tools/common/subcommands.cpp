// Programs of several commands: see subcommands.h.

#include "tools/common/subcommands.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <CLI/CLI.hpp>

#include <string>
#include <vector>

#include "engine/error.h"
#include "tools/common/command_line.h"

namespace vitrine::tools {

void parse_with_command(CLI::App& app, int argc, const char* const* argv) {
    try {
        app.require_subcommand(1);
        parse_arguments(app, argc, argv);
    } catch (const CLI::RequiredError&) {
        if (!app.get_subcommands().empty()) throw;  // something that the command itself needs
        std::vector<std::string> names;
        for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; }))
            names.push_back(command->get_name());
        const std::vector<std::string> given = app.remaining();
        throw Error(fmt::format("{}{} has the commands {} (see {} --help)",
                                given.empty() ? "" : given.front() + " is no command: ", app.get_name(),
                                fmt::join(names, ", "), app.get_name()));
    }
}

}  // namespace vitrine::tools

// Programs of several commands: inspect step, bench op.
#pragma once

namespace CLI {
class App;
}  // namespace CLI

namespace vitrine::tools {

/// Parses a command line that begins with one of the app's subcommands; without one throws Error, which says what was
/// given and what there is.
void parse_with_command(CLI::App& app, int argc, const char* const* argv);

}  // namespace vitrine::tools

// The commands of inspect, each in a file of its own: it adds its subcommand with its options and gives back what runs
// it.
#pragma once

#include <functional>

namespace CLI {
class App;
}  // namespace CLI

namespace vitrine::inspect {

struct Command {
    CLI::App* parser;
    std::function<int()> run;  // once the command line is parsed; returns the exit code
};

Command add_kernel(CLI::App& app);  // kernel_command.cpp
Command add_lesson(CLI::App& app);  // lesson_command.cpp
Command add_step(CLI::App& app);    // step_command.cpp
Command add_value(CLI::App& app);   // value_command.cpp

}  // namespace vitrine::inspect

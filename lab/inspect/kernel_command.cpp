// inspect kernel: one block of a kernel as a film, a page for a browser.

#include <CLI/CLI.hpp>

#include <limits>
#include <memory>
#include <sstream>
#include <vector>

#include "kernels/error.h"
#include "lab/inspect/commands.h"
#include "lab/inspect/film/write_film.h"
#include "tools/common/command_line.h"

namespace vitrine::inspect {
namespace {

/// "3", "3,1" or "3,1,0".
uint3 parse_block(const std::string& text) {
    std::vector<unsigned> numbers;
    std::istringstream stream(text + ",");
    for (std::string part; std::getline(stream, part, ',');) {
        numbers.push_back(
            static_cast<unsigned>(tools::parse_whole("--block", part, 0, std::numeric_limits<int>::max())));
    }
    if (numbers.size() > 3) throw Error("--block " + text + ": one to three numbers are needed: X,Y,Z");
    numbers.resize(3, 0);
    return {numbers[0], numbers[1], numbers[2]};
}

}  // namespace

Command add_kernel(CLI::App& app) {
    CLI::App* command =
        app.add_subcommand("kernel", "One block of a CUDA kernel as a film, run and watched on the CPU");
    command->footer(
        "Examples:\n"
        "  inspect kernel depthwise_conv_backward --impl rows\n"
        "  inspect kernel depthwise_conv_forward --impl naive --beside rows --shape 56x56x144\n"
        "'gradcheck --list --device simt' lists kernels and implementations.");
    auto options = std::make_shared<FilmOptions>();
    command->add_option("NAME", options->kernel, "The kernel: add_forward, …")->required();
    command->add_option("--impl", options->implementation, "[the first that takes the problem]")
        ->type_name("NAME");
    command->add_option("--beside", options->beside, "A second implementation, side by side")
        ->type_name("NAME");
    command->add_option("--shape", options->shape, "A part of the problem's description [any]")
        ->type_name("FRAGMENT");
    command
        ->add_option_function<std::string>(
            "--block", [options](const std::string& text) { options->block = parse_block(text); },
            "The block's place in the grid [0,0,0]")
        ->type_name("X,Y,Z");
    tools::add_whole(
        *command, "--launch", 0, std::numeric_limits<int>::max(),
        [options](int64_t launch) { options->launch = launch; },
        "Of the launches that the kernel makes, from 0 [the one that accesses most]");
    command->add_option("--out", options->out, "The page [NAME.html]")->type_name("FILE");
    return {command, [options] {
                write_film(*options);
                return 0;
            }};
}

}  // namespace vitrine::inspect

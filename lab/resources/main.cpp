// resources: what each CUDA kernel takes of a GPU, without a GPU. See README.md.

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <iostream>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>

#include "engine/error.h"
#include "lab/resources/report/build_report.h"
#include "lab/resources/report/occupancy.h"
#include "tools/common/command_line.h"
#include "tools/common/run_program.h"

namespace vitrine::resources {
namespace {

constexpr const char* description =
    "Prints what each CUDA kernel takes of a GPU: registers, spilled registers and stack of a thread, static "
    "shared memory of\n"
    "a block, constant memory, and how many threads fit on a multiprocessor at once. It reads the compiler's "
    "report, so the\n"
    "cuda device must have been built; no GPU is needed.";

constexpr const char* examples =
    "Examples:\n"
    "  resources                                    every kernel, for every GPU that it was built for\n"
    "  resources --arch 90 --kernel depthwise       some of them, for one\n"
    "  resources --spills                           what spills: nothing should\n"
    "  resources --arch 80 --instructions           what their main loops issue\n"
    "  resources build/cuda-all --json              of another build, for programs\n"
    "\n"
    "Columns: architecture, threads a block, registers, bytes spilled, stack, shared and constant memory, "
    "threads that fit\n"
    "on a multiprocessor, as a share of the most, and what is used up first. lab/resources/README.md says "
    "how to read them.\n"
    "Exit codes: 0 no kernel spills; 1 one that is listed does; 2 something on the command line has to be "
    "put right.";

struct Arguments {
    std::string folder = VITRINE_CUDA_OBJECTS;
    std::optional<int> architecture;  // 90 for compute capability 9.0; none: all
    std::string kernel;               // part of a name
    bool spills = false;
    bool instructions = false;
    bool json = false;
};

bool wanted(const Arguments& arguments, const KernelResources& kernel) {
    return (!arguments.architecture || arguments.architecture == kernel.architecture) &&
           short_name(kernel.symbol).find(arguments.kernel) != std::string::npos &&
           (!arguments.spills || kernel.spills());
}

/// Empty where the architecture is not in the table or the block size is not known.
Occupancy occupancy_if_known(const KernelResources& kernel) {
    const Architecture* architecture = find_architecture(kernel.architecture);
    return architecture == nullptr || kernel.block_threads == 0 ? Occupancy{}
                                                                : occupancy(*architecture, kernel);
}

void print_head() {
    std::cout << fmt::format("{:>4} {:>5} {:>5} {:>6} {:>5} {:>6} {:>5} {:>6} {:>7}  {:<13}  {}\n", "arch",
                             "block", "regs", "spills", "stack", "shared", "const", "thr/SM", "of most",
                             "limited by", "kernel");
}

void print_line(const KernelResources& kernel) {
    const Occupancy fits = occupancy_if_known(kernel);
    const Architecture* architecture = find_architecture(kernel.architecture);
    const bool known = *fits.limited_by != 0;
    const auto number = [](int value) { return fmt::to_string(value); };
    std::cout << fmt::format("{:>4} {:>5} {:>5} {:>6} {:>5} {:>6} {:>5} {:>6} {:>7}  {:<13}  {}\n",
                             kernel.architecture,
                             kernel.block_threads == 0 ? "?" : number(kernel.block_threads), kernel.registers,
                             kernel.spill_store_bytes + kernel.spill_load_bytes, kernel.stack_bytes,
                             kernel.shared_bytes, kernel.constant_bytes, known ? number(fits.threads) : "?",
                             known ? fmt::format("{}%", 100 * fits.threads / architecture->threads) : "?",
                             known ? fits.limited_by : "?", short_name(kernel.symbol));
}

void print_instructions_head() {
    std::cout << fmt::format("{:>4} {:>6} {:>6} {:>7} {:>7} {:>7} {:>7} {:>7} {:>6}  {}\n", "arch", "all",
                             "loop", "FMA", "MMA", "shared", "global", "other", "local", "kernel");
}

/// Shares of the main loop's instructions; loads and stores of local memory are those of the whole kernel.
void print_instructions(const KernelResources& kernel) {
    const InstructionMix& loop = kernel.code->main_loop;
    const int shared = loop.shared_loads + loop.shared_stores + loop.matrix_loads;
    const int global = loop.global_loads + loop.global_stores + loop.copies;
    const int other = loop.all - loop.multiply_adds - loop.tensor - shared - global;
    const auto share = [&](int count) {
        return fmt::format("{:.0f}%", 100.0 * count / std::max(1, loop.all));
    };
    std::cout << fmt::format("{:>4} {:>6} {:>6} {:>7} {:>7} {:>7} {:>7} {:>7} {:>6}  {}\n",
                             kernel.architecture, kernel.code->whole.all, loop.all, share(loop.multiply_adds),
                             share(loop.tensor), share(shared), share(global), share(other),
                             kernel.code->whole.local, short_name(kernel.symbol));
}

nlohmann::ordered_json as_json(const InstructionMix& mix) {
    return {{"all", mix.all},
            {"multiply_adds", mix.multiply_adds},
            {"tensor", mix.tensor},
            {"global_loads", mix.global_loads},
            {"global_stores", mix.global_stores},
            {"copies", mix.copies},
            {"shared_loads", mix.shared_loads},
            {"shared_stores", mix.shared_stores},
            {"matrix_loads", mix.matrix_loads},
            {"local", mix.local},
            {"barriers", mix.barriers}};
}

nlohmann::ordered_json as_json(const MachineCode& code) {
    nlohmann::ordered_json loads = nlohmann::ordered_json::object();
    for (const auto& [bytes, count] : code.load_bytes) loads[fmt::to_string(bytes)] = count;
    return {{"whole", as_json(code.whole)},
            {"main_loop", as_json(code.main_loop)},
            {"tensor_loop", as_json(code.tensor_loop)},
            {"load_bytes", loads}};
}

nlohmann::ordered_json as_json(const KernelResources& kernel) {
    const Occupancy fits = occupancy_if_known(kernel);
    nlohmann::ordered_json line{{"file", kernel.file},
                                {"kernel", short_name(kernel.symbol)},
                                {"symbol", kernel.symbol},
                                {"architecture", kernel.architecture},
                                {"registers", kernel.registers},
                                {"spill_store_bytes", kernel.spill_store_bytes},
                                {"spill_load_bytes", kernel.spill_load_bytes},
                                {"stack_bytes", kernel.stack_bytes},
                                {"shared_bytes", kernel.shared_bytes},
                                {"constant_bytes", kernel.constant_bytes}};
    if (kernel.block_threads != 0) line["block_threads"] = kernel.block_threads;
    if (*fits.limited_by != 0) {
        line["threads_per_multiprocessor"] = fits.threads;
        line["limited_by"] = fits.limited_by;
    }
    if (kernel.code) line["instructions"] = as_json(*kernel.code);
    return line;
}

/// Throws Error unless the build is for the one that is asked for.
void require_architecture(const Arguments& arguments, const BuildReport& report) {
    std::set<int> built;
    for (const KernelResources& kernel : report.kernels) built.insert(kernel.architecture);
    if (arguments.architecture && !built.contains(*arguments.architecture))
        throw Error(fmt::format("--arch {}: the kernels in {} were built for {}", *arguments.architecture,
                                arguments.folder, fmt::join(built, ", ")));
}

void require_kernel(const Arguments& arguments, const BuildReport& report) {
    const bool any = std::ranges::any_of(report.kernels, [&](const KernelResources& kernel) {
        return short_name(kernel.symbol).find(arguments.kernel) != std::string::npos;
    });
    if (!any)
        throw Error(fmt::format("--kernel {}: no kernel has that in its name; resources without it lists all",
                                arguments.kernel));
}

/// Which files' instructions were asked for and could not be shown.
void print_unread(const std::map<std::string, int>& kernels_of_files) {
    for (const auto& [file, kernels] : kernels_of_files) {
        std::cout << fmt::format(
            "{}: the instructions of {} kernels cannot be read; nvcc compresses the code of a large file, "
            "unless it is told --no-compress\n",
            file, kernels);
    }
}

int run(const Arguments& arguments) {
    const BuildReport report = read_build_report(arguments.folder);
    require_architecture(arguments, report);
    require_kernel(arguments, report);
    int listed = 0, spilling = 0;
    std::string file;
    std::map<std::string, int> unread;
    for (const KernelResources& kernel : report.kernels) {
        if (!wanted(arguments, kernel)) continue;
        ++listed;
        spilling += kernel.spills();
        if (arguments.json) {
            std::cout << fmt::format("{}\n", as_json(kernel).dump());
            continue;
        }
        if (arguments.instructions && !kernel.code) {
            ++unread[kernel.file];
            continue;
        }
        if (kernel.file != file) {
            std::cout << fmt::format("{}{}\n", file.empty() ? "" : "\n", kernel.file);
            arguments.instructions ? print_instructions_head() : print_head();
        }
        file = kernel.file;
        arguments.instructions ? print_instructions(kernel) : print_line(kernel);
    }
    if (!arguments.json) {
        std::cout << fmt::format("{}{} kernels in {} files; {} of them spill registers\n",
                                 listed == 0 ? "" : "\n", listed, report.files.size(), spilling);
        print_unread(unread);
    }
    return spilling == 0 ? 0 : 1;
}

void add_options(CLI::App& app, Arguments& arguments) {
    app.option_defaults()->group("What");
    app.add_option("FOLDER", arguments.folder, "Of the kernels' objects [that of this build]")->type_name("");
    tools::add_whole(
        app, "--arch", 1, 999, [&](int64_t number) { arguments.architecture = static_cast<int>(number); },
        "Only this GPU architecture, such as 90 for 9.0\n[all that were built]");
    app.add_option("--kernel", arguments.kernel, "Only kernels whose name contains this text")
        ->type_name("TEXT");
    app.add_flag("--spills", arguments.spills, "Only kernels that spill registers");
    app.option_defaults()->group("Output");
    app.add_flag("--instructions", arguments.instructions,
                 "What the instructions are: of the whole kernel, and as shares\nof its main loop");
    app.add_flag("--json", arguments.json, "One JSON object a line instead of a table");
}

}  // namespace
}  // namespace vitrine::resources

int main(int argc, char** argv) {
    CLI::App app(vitrine::resources::description, "resources");
    app.get_formatter()->column_width(36);
    app.footer(vitrine::resources::examples);
    vitrine::resources::Arguments arguments;
    vitrine::resources::add_options(app, arguments);
    return vitrine::tools::run_program("resources", [&] {
        try {
            vitrine::tools::parse_arguments(app, argc, argv);
        } catch (const CLI::CallForHelp&) {
            std::cout << app.help();
            return 0;
        }
        return vitrine::resources::run(arguments);
    });
}

// resources: what each CUDA kernel takes of a GPU, without a GPU. See README.md.

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>

#include "tools/common/run_program.h"
#include "tools/resources/report/build_report.h"
#include "tools/resources/report/occupancy.h"

namespace vitrine::resources {
namespace {

struct Arguments {
    std::string folder = VITRINE_CUDA_OBJECTS;
    int architecture = 0;  // 0: all
    std::string kernel;    // part of a name
    bool spills = false;
    bool json = false;
};

bool wanted(const Arguments& arguments, const KernelResources& kernel) {
    return (arguments.architecture == 0 || arguments.architecture == kernel.architecture) &&
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

nlohmann::ordered_json as_json(const KernelResources& kernel) {
    const Occupancy fits = occupancy_if_known(kernel);
    nlohmann::ordered_json line{{"file", kernel.file},
                                {"kernel", short_name(kernel.symbol)},
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
    return line;
}

int run(const Arguments& arguments) {
    const BuildReport report = read_build_report(arguments.folder);
    int listed = 0, spilling = 0;
    std::string file;
    for (const KernelResources& kernel : report.kernels) {
        if (!wanted(arguments, kernel)) continue;
        ++listed;
        spilling += kernel.spills();
        if (arguments.json) {
            std::cout << fmt::format("{}\n", as_json(kernel).dump());
            continue;
        }
        if (kernel.file != file) {
            std::cout << fmt::format("{}{}\n", file.empty() ? "" : "\n", kernel.file);
            print_head();
        }
        file = kernel.file;
        print_line(kernel);
    }
    if (!arguments.json) {
        std::cout << fmt::format("{}{} kernels in {} files; {} of them spill registers\n",
                                 listed == 0 ? "" : "\n", listed, report.files.size(), spilling);
    }
    return spilling == 0 ? 0 : 1;
}

}  // namespace
}  // namespace vitrine::resources

int main(int argc, char** argv) {
    CLI::App app{
        "What each CUDA kernel takes: registers, spills and stack of a thread in bytes, static shared memory "
        "of a "
        "block, and how many threads fit on a multiprocessor. From the compiler's report: no GPU is needed"};
    vitrine::resources::Arguments arguments;
    app.add_option("folder", arguments.folder, "the folder of the kernels' objects")->capture_default_str();
    app.add_option("--arch", arguments.architecture, "only this architecture, such as 90");
    app.add_option("--kernel", arguments.kernel, "only kernels whose name contains this");
    app.add_flag("--spills", arguments.spills, "only kernels that spill registers");
    app.add_flag("--json", arguments.json, "print one JSON object a line");
    return vitrine::tools::run_program("resources", [&] {
        try {
            app.parse(argc, argv);
        } catch (const CLI::CallForHelp& help) {
            return app.exit(help);
        }
        return vitrine::resources::run(arguments);
    });
}

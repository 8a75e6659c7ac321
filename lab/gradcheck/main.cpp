// gradcheck: proves the kernels of a device, op by op. See README.md.

#include <fmt/format.h>

#include <iostream>
#include <string>

#include "kernels/cpu/instruction_sets.h"
#include "kernels/error.h"
#include "kernels/simt/launch.h"
#include "lab/common/forcing.h"
#include "lab/gradcheck/cases/list.h"
#include "lab/gradcheck/options.h"
#include "lab/gradcheck/report/op_report.h"
#include "lab/gradcheck/report/render.h"
#include "tools/common/run_program.h"

namespace vitrine::gradcheck {
namespace {

/// --op takes a kernel's full name, or its name without _forward or _backward for both.
bool names(std::string_view op, std::string_view kernel) {
    return op == "all" || op == kernel || kernel == fmt::format("{}_forward", op) ||
           kernel == fmt::format("{}_backward", op);
}

void require_known_op(const std::string& op, Device device) {
    bool known = false;
    std::string kernels;
    for_each_kernel(device, [&](const auto& kernel) {
        known = known || names(op, kernel->name());
        kernels += fmt::format("{}{}", kernels.empty() ? "" : ", ", kernel->name());
    });
    if (!known)
        throw Error(fmt::format("--op {}: there is no such op; choose all or one of {}", op, kernels));
}

void list(Device device, const std::string& op) {
    for_each_kernel(device, [&](const auto& kernel) {
        if (!names(op, kernel->name())) return;
        std::string implementations;
        for (const auto& implementation : kernel->implementations()) {
            implementations += fmt::format(" {}", implementation.name);
        }
        std::cout << kernel->name() << ':' << implementations << '\n';
    });
}

/// The suites that hold a selected kernel, so that --op does not build the problems of all others.
std::vector<Suite> suites_for(const std::string& op) {
    std::vector<Suite> chosen;
    for (const Suite& suite : all_suites()) {
        const bool holds = op == "all" || op == suite.op || names(suite.op, op);
        if (holds) chosen.push_back(suite);
    }
    return chosen;
}

Selection selection_of(const Options& options) {
    Selection selection;
    selection.kernel = [&](std::string_view kernel) { return names(options.op, kernel); };
    selection.implementation = [&](std::string_view kernel, std::string_view implementation) {
        return tools::is_wanted(options.device, kernel, implementation);
    };
    selection.shape = [&](std::string_view shape) { return shape.find(options.shape) != shape.npos; };
    selection.effort = options.thorough ? Effort::thorough : options.once ? Effort::once : Effort::usual;
    selection.processes = options.processes;
    return selection;
}

int check_all(const Options& options) {
    if (!options.instructions.empty()) cpu::use_instruction_set(options.instructions);
    simt::set_settings({.math_ulps = options.math_ulps, .math_seed = options.math_seed});
    bool refused = false;
    const auto print = [&](const Line& line) {
        refused = refused || line.status == Status::refused;
        std::cout << (options.json ? to_json(line) : to_text(line)) << std::endl;
    };
    const Totals totals = check(suites_for(options.op), listed_kernels(options.device),
                                kernels(Device::reference), selection_of(options), print);
    if (totals.passed + totals.failed == 0) {
        throw Error(refused ? "nothing was checked: everything that is selected refuses every problem"
                            : "nothing was checked: no problem fits the selection");
    }
    if (options.json) {
        std::cout << fmt::format("{{\"passed\":{},\"failed\":{}}}\n", totals.passed, totals.failed);
    } else {
        std::cout << fmt::format("{} passed, {} failed\n", totals.passed, totals.failed);
    }
    return totals.failed == 0 ? 0 : 1;
}

int report(const Options& options) {
    std::vector<ReportEntry> entries;
    const auto print = [&](const ReportEntry& entry) {
        std::cout << (options.json ? report_json(entry, *options.gpu, options.lines)
                                   : report_text(entry, *options.gpu, options.lines))
                  << std::endl;
    };
    if (options.model.model.empty()) {
        report_ops(suites_for(options.op), selection_of(options), print);
        return 0;
    }
    for (const ReportEntry& entry : report_model(options.model)) {
        if (!names(options.op, entry.kernel) || entry.shape.find(options.shape) == std::string::npos)
            continue;
        print(entry);
        entries.push_back(entry);
    }
    if (!options.json) std::cout << summary_text(entries, *options.gpu);
    return 0;
}

int run(const Options& options) {
    if (options.command == Options::Command::help) return 0;
    require_known_op(options.op, options.device);
    for (const std::string& assignment : options.forced) force_implementation(options.device, assignment);
    if (options.command == Options::Command::report) return report(options);
    if (options.command == Options::Command::check) return check_all(options);
    list(options.device, options.op);
    return 0;
}

}  // namespace
}  // namespace vitrine::gradcheck

int main(int argc, char** argv) {
    return vitrine::tools::run_program(
        "gradcheck", [&] { return vitrine::gradcheck::run(vitrine::gradcheck::parse_options(argc, argv)); });
}

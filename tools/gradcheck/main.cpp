// gradcheck: proves the kernels of a device, op by op. See README.md.

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <string>

#include "kernels/error.h"
#include "tools/gradcheck/cases/list.h"

namespace vitrine::gradcheck {
namespace {

struct Arguments {
    std::string device = "cpu";
    std::string op = "all";
    std::vector<std::string> forced;  // op=implementation
    bool thorough = false;
    bool list = false;
    bool json = false;
};

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
        fmt::print("{}:{}\n", kernel->name(), implementations);
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

int run(const Arguments& arguments) {
    const Device device = device_from_name(arguments.device);
    const KernelTable& tested = kernels(device);
    require_known_op(arguments.op, device);
    for (const std::string& assignment : arguments.forced) force_implementation(device, assignment);
    if (arguments.list) {
        list(device, arguments.op);
        return 0;
    }
    Selection selection;
    selection.kernel = [&](std::string_view kernel) { return names(arguments.op, kernel); };
    selection.implementation = [&](std::string_view kernel, std::string_view implementation) {
        const std::string_view forced = forced_implementation(device, kernel);
        return forced.empty() || forced == implementation;
    };
    selection.effort = arguments.thorough ? Effort::thorough : Effort::usual;
    const auto print = [&](const Line& line) {
        fmt::print("{}\n", arguments.json ? to_json(line) : to_text(line));
        std::fflush(stdout);
    };
    const Totals totals =
        check(suites_for(arguments.op), tested, kernels(Device::reference), selection, print);
    if (arguments.json) {
        fmt::print("{{\"passed\":{},\"failed\":{}}}\n", totals.passed, totals.failed);
    } else {
        fmt::print("{} passed, {} failed\n", totals.passed, totals.failed);
    }
    return totals.failed == 0 ? 0 : 1;
}

}  // namespace
}  // namespace vitrine::gradcheck

int main(int argc, char** argv) {
    CLI::App app{
        "Checks every op of a device: gradients against central differences, results against the reference"};
    vitrine::gradcheck::Arguments arguments;
    app.add_option("--device", arguments.device, "cpu, reference, simt or cuda")->capture_default_str();
    app.add_option("--op", arguments.op, "a kernel, or an op for its forward and backward")
        ->capture_default_str();
    app.add_option("--impl", arguments.forced,
                   "op=implementation: check only this one of the op; can be repeated")
        ->take_all();
    app.add_flag("--thorough", arguments.thorough,
                 "simt: watch every launch and difference every sample, however long it takes");
    app.add_flag("--list", arguments.list, "print every kernel with its implementations, and check nothing");
    app.add_flag("--json", arguments.json, "print one JSON object per line");
    try {
        app.parse(argc, argv);
        return vitrine::gradcheck::run(arguments);
    } catch (const CLI::ParseError& error) {
        if (error.get_exit_code() == 0) return app.exit(error);
        fmt::print(stderr, "gradcheck: {}\n", error.what());
    } catch (const vitrine::Error& error) {
        fmt::print(stderr, "gradcheck: {}\n", error.what());
    }
    return 2;
}

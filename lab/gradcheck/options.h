// The command line of gradcheck.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "kernels/device.h"
#include "lab/common/gpus.h"
#include "lab/gradcheck/report/model_report.h"

namespace vitrine::gradcheck {

struct Options {
    enum class Command { help, list, check, report } command = Command::check;
    Device device = Device::cpu;
    std::string op = "all";
    std::string shape;                // a part of the problem's description; empty: all
    std::vector<std::string> forced;  // op=implementation
    bool json = false;

    // Of check.
    std::string instructions;  // one of cpu::instruction_sets(); empty: the best
    bool once = false;
    bool thorough = false;
    int processes = 0;  // beside this one, which then only listens to them
    int math_ulps = 0;  // of simt::Settings
    uint64_t math_seed = 0;

    // Of report.
    const tools::Gpu* gpu = nullptr;
    bool lines = false;
    ModelReportOptions model;  // no name: the report of ops
};

/// Prints the help where it is asked for. Throws CLI::ParseError or Error.
Options parse_options(int argc, const char* const* argv);

}  // namespace vitrine::gradcheck

// The command line of bench.
#pragma once

#include <string>
#include <vector>

#include "lab/bench/augment_bench.h"
#include "lab/bench/op_bench.h"
#include "lab/bench/scale_options.h"
#include "lab/bench/step_bench.h"

namespace vitrine::tools {

struct BenchOptions {
    enum class Command { help, step, op, augment, scale } command = Command::help;
    StepBenchOptions step;
    OpBenchOptions op;
    AugmentBenchOptions augment;
    ScaleBenchOptions scale;
    std::vector<std::string> implementations;  // op=name
    std::string autotune;                      // the file of tried implementations; empty: none are tried
    int threads = 0;
    bool json = false;
};

/// Throws Error or CLI::ParseError for what cannot be; prints the help where it is asked for.
BenchOptions parse_bench_options(int argc, const char* const* argv);

}  // namespace vitrine::tools

// What bench op prints.
#pragma once

#include <string>
#include <vector>

#include "lab/bench/op_bench.h"
#include "lab/bench/peak.h"

namespace vitrine::tools {

/// A table for each kernel, or one JSON object.
std::string format_op(const OpBenchOptions& options, const std::vector<KernelBench>& kernels,
                      const Peak& peak);
std::string format_op_json(const OpBenchOptions& options, const std::vector<KernelBench>& kernels,
                           const Peak& peak);

}  // namespace vitrine::tools

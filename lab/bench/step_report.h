// What bench step prints.
#pragma once

#include <string>

#include "lab/bench/peak.h"
#include "lab/bench/step_bench.h"

namespace vitrine::tools {

/// For people, or one JSON object.
std::string format_step(const StepBenchOptions& options, const StepBenchResult& result, const Peak& peak);
std::string format_step_json(const StepBenchOptions& options, const StepBenchResult& result,
                             const Peak& peak);

}  // namespace vitrine::tools

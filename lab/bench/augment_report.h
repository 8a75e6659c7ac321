// What bench augment prints.
#pragma once

#include <string>

#include "lab/bench/augment_bench.h"
#include "lab/bench/peak.h"

namespace vitrine::tools {

/// Tables, or one JSON object.
std::string format_augment(const AugmentBenchOptions& options, const AugmentBenchResult& result,
                           const Peak& peak);
std::string format_augment_json(const AugmentBenchOptions& options, const AugmentBenchResult& result,
                                const Peak& peak);

}  // namespace vitrine::tools

// What bench scale prints.
#pragma once

#include <string>

#include "lab/bench/scale_bench.h"

namespace vitrine::tools {

/// For people, or one JSON object.
std::string format_scale(const ScaleBenchOptions& options, const ScaleBenchResult& result);
/// Numbers without bound (images_per_second is 0 where failures leave nothing) are null.
std::string format_scale_json(const ScaleBenchOptions& options, const ScaleBenchResult& result);

}  // namespace vitrine::tools

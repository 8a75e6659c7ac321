// Why pinned elements are what they are, for the page.
#pragma once

#include <nlohmann/json.hpp>
#include <vector>

#include "lab/inspect/capture/captured_step.h"
#include "lab/inspect/step_page/tensor_view.h"

namespace vitrine::inspect {

/// For each pin its terms (lab/inspect/terms), or null where there are none: of the value of a tensor, or of its gradient.
/// {"formulas", "terms": [[label, [[name, value, detail], …], value, through], …], "rest": [count, sum], "count", "sum",
/// "stored", "ulps", "adds_up", "parts": [[name, formula, count, sum], …]}.
nlohmann::ordered_json explanations_of(const CapturedStep& step, int tensor, bool gradient,
                                       const std::vector<Pin>& pins);

}  // namespace vitrine::inspect

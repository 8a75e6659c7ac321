// Why pinned elements are what they are, for the page.
#pragma once

#include <nlohmann/json.hpp>
#include <vector>

#include "lab/inspect/capture/captured_step.h"
#include "lab/inspect/step_page/tensor_view.h"
#include "lab/inspect/terms/explanation.h"

namespace vitrine::inspect {

constexpr size_t terms_told = 12;  // one by one: the largest

/// Whether a factor says which elements it is made of, [[tensor, element, 1 of a gradient], …] behind its detail: a page that is a
/// file has nobody to ask about them, and no room.
enum class Operands { left_out, given };

/// {"formulas", "terms": [[label, [[name, value, detail], …], value, through], …], "rest": [count, sum], "count", "sum",
/// "stored", "ulps", "adds_up", "parts": [[name, formula, count, sum], …]}.
nlohmann::ordered_json explanation_json(const Explanation& explanation, Operands operands);

/// For each pin its terms (lab/inspect/terms), or null where there are none: of the value of a tensor, or of its gradient.
nlohmann::ordered_json explanations_of(const CapturedStep& step, int tensor, bool gradient,
                                       const std::vector<Pin>& pins);

}  // namespace vitrine::inspect

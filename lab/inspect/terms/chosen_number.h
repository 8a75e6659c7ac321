// Which number of a step is asked for, by the names of `inspect value`'s options: an element of what an op left, or of a
// parameter.
#pragma once

#include <string>

#include "lab/inspect/terms/explainer.h"

namespace vitrine::inspect {

struct ChosenNumber {
    std::string op{}, output{}, parameter{};
    std::string at{};  // "0,5,7,12"
    bool gradient = false, update = false;
    std::string dashes = "--";  // before these names in what an Error says

    bool is_chosen() const { return !op.empty() || !parameter.empty(); }
};

/// What does not go together whatever the step is: throws Error in a sentence.
void check(const ChosenNumber& number);

/// Of a number that check() let pass. Throws Error in a sentence where the step has no such number, or it has no terms.
Explanation explain(Explainer& explainer, const CapturedStep& step, const ChosenNumber& number);

}  // namespace vitrine::inspect

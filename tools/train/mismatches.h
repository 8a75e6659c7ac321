// What of a file does not fit the model, as lines that are told before it is refused.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "tools/train/reporter.h"

namespace vitrine::train {

constexpr std::string_view is_missing = "is missing", is_left_over = "is left over",
                           has_another_shape = "has another shape";

/// A tensor of the file, one of the model, or both.
struct Mismatch {
    std::string_view what;  // one of the above
    std::string name;
    std::string shapes;
};

/// Where the shapes differ: "[10, 512] in the file, [3, 128] in the model".
std::string both_shapes(const std::string& in_file, const std::string& in_model);

/// A line for each, as far as they are few: those of each kind together.
void tell_mismatches(const std::vector<Mismatch>& mismatches, Reporter& reporter);

}  // namespace vitrine::train

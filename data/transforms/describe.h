// Parameters of transforms as people read them.
#pragma once

#include <fmt/format.h>

#include <string>

#include "data/transforms/ops.h"

namespace vitrine::transforms {

inline std::string text_of(const Range& range) {
    return range.low == range.high ? fmt::format("{}", range.low)
                                   : fmt::format("{:.6g} … {:.6g}", range.low, range.high);
}

/// Nothing for black, the default.
inline std::string text_of(const Fill& fill) {
    return fill == Fill{} ? "" : fmt::format(", fill {} {} {}", fill[0], fill[1], fill[2]);
}

inline std::string text_of(const TransformList& list) {
    std::string text;
    for (const auto& transform : list) text += (text.empty() ? "" : ", ") + transform->describe();
    return text;
}

}  // namespace vitrine::transforms

// The device's end in the middle of a check: a kernel went wrong, and nothing works in this process any more.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>
#include <utility>
#include <vector>

#include "lab/gradcheck/harness/line.h"

namespace vitrine::gradcheck {

/// Thrown by a check: what is to be reported of the pass during which it happened.
struct LostDevice : std::runtime_error {
    explicit LostDevice(Line of_pass) : std::runtime_error(to_text(of_pass)), line(std::move(of_pass)) {}
    Line line;
};

/// The passes of one problem that ended earlier processes, as they are to be reported. They are not run
/// again.
using KnownFaults = std::vector<Line>;

inline const Line* find_fault(const KnownFaults& faults, const std::string& kernel,
                              const std::string& implementation, const std::string& type) {
    const auto found = std::ranges::find_if(faults, [&](const Line& line) {
        return line.kernel == kernel && line.implementation == implementation && line.type == type;
    });
    return found == faults.end() ? nullptr : &*found;
}

}  // namespace vitrine::gradcheck

// What came of one problem, and how it travels between processes.
#pragma once

#include <cstdint>
#include <vector>

#include "lab/gradcheck/harness/line.h"
#include "lab/gradcheck/harness/problem_check.h"

namespace vitrine::gradcheck {

struct Outcome {
    std::vector<Line> lines;
    Tally tally;
};

std::vector<uint8_t> to_bytes(const Outcome& outcome);
Outcome outcome_from_bytes(const std::vector<uint8_t>& bytes);

}  // namespace vitrine::gradcheck

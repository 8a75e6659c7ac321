// Lesson 11: what a ReLU lets through in a step.

#include <algorithm>
#include <cmath>

#include "engine/error.h"
#include "lab/inspect/lessons/lesson.h"
#include "lab/inspect/source/step_source.h"
#include "lab/inspect/step_page/as_read.h"

namespace vitrine::inspect {
namespace {

double percent_of_zeros(const std::vector<double>& values) {
    return 100.0 * static_cast<double>(std::ranges::count(values, 0.0)) / static_cast<double>(values.size());
}

}  // namespace

Verdict check_step(const std::string& answer) {
    const double given = numbers_of(answer, 1).front();
    const PreparedStep prepared = prepare({.image_size = 32, .batch_size = 2});
    const CapturedStep step = capture_step(*prepared.model, prepared.input, prepared.settings);
    const double right = percent_of_zeros(as_read(step, *step.op("features.2.conv.2")).to_host<double>());
    constexpr double half_of_the_last_digit = 0.051;
    return compare_numbers(
        {std::abs(given - right) <= half_of_the_last_digit ? right : given}, {right},
        "Choose features.2.conv.2 in the chain. It reads the convolution before it through a batch norm "
        "and a ReLU6: the card of what it really reads, which is never written, has the share of zeros.");
}

}  // namespace vitrine::inspect

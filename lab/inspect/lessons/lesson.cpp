// What the lessons ask: see lesson.h.

#include "lab/inspect/lessons/lesson.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/error.h"
#include "tools/common/command_line.h"

namespace vitrine::inspect {
namespace {

constexpr Lesson all[]{
    {1, "01_gradient.md",
     "A linear layer y = w·x + b has three weights. Two images come to it:\n"
     "    x = 1, 2, 3    and what comes back for it is d_y = 4\n"
     "    x = -1, 0, 2   and what comes back for it is d_y = -1\n"
     "What are the gradients of the three weights, and of the bias?\n"
     "Answer with four numbers: inspect lesson 1 --check 'w1, w2, w3, b'",
     check_gradient},
    {2, "02_batch_norm.md",
     "Batch norm in training, one channel, four rows, weight 2, epsilon 0:\n"
     "    x   = 1, 2, 3, 6\n"
     "    d_y = 1, 0, 0, 0\n"
     "Only the first output matters to the loss. What is d_x of each of the four rows?\n"
     "Answer with four numbers, three digits each: inspect lesson 2 --check 'a, b, c, d'",
     check_batch_norm},
    {3, "03_momentum.md",
     "A parameter begins at 1. SGD with learning rate 0.1, momentum 0.9 and no weight decay takes three "
     "steps;\n"
     "the gradients are 1, 1 and -1: at the last step the slope has turned round.\n"
     "What is the parameter after each of the three steps?\n"
     "Answer with three numbers: inspect lesson 3 --check 'a, b, c'",
     check_momentum},
    {4, "04_sectors.md",
     "The naive softmax again, 32 rows, but with 2 classes in place of 1000: the rows lie closer together.\n"
     "In the line that --lines would show first: how many sectors does a request touch, over the fewest that "
     "could\n"
     "hold what it asks for (the number in brackets)?\n"
     "Answer with one number: inspect lesson 4 --check N",
     check_sectors},
};

}  // namespace

std::span<const Lesson> lessons() { return all; }

std::vector<double> numbers_of(const std::string& answer, size_t count) {
    std::string spaced = answer;
    std::ranges::replace(spaced, ',', ' ');
    std::vector<double> numbers;
    for (size_t at = spaced.find_first_not_of(' '); at != std::string::npos;
         at = spaced.find_first_not_of(' ', at)) {
        const size_t end = std::min(spaced.find(' ', at), spaced.size());
        constexpr double any = std::numeric_limits<double>::infinity();
        numbers.push_back(tools::parse_number("--check", spaced.substr(at, end - at), {-any, any}));
        at = end;
    }
    if (numbers.size() != count) {
        throw Error(fmt::format("--check '{}': the answer is {} number{}, not {}", answer, count,
                                count == 1 ? "" : "s", numbers.size()));
    }
    return numbers;
}

Verdict compare_numbers(const std::vector<double>& given, const std::vector<double>& right,
                        const std::string& hint) {
    for (size_t i = 0; i < right.size(); ++i) {
        if (std::abs(given[i] - right[i]) <= 0.0006 * std::max(1.0, std::abs(right[i]))) continue;
        const std::string which =
            right.size() == 1 ? "" : fmt::format(" (number {} of {})", i + 1, right.size());
        return {false, fmt::format("Not {}{}. {}", given[i], which, hint)};
    }
    return {true, "Right: it is what the engine computes."};
}

}  // namespace vitrine::inspect

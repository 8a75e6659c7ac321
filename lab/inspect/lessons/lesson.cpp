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
    {5, "05_four_mistakes.md",
     "Write mended.toml: tools/recipes/stage2-heavy-augmentation.toml with both of its mistakes mended. The "
     "noise stays, but\n"
     "where it belongs; the cycles stay, but are counted as was meant, and one of them fits into the phase.\n"
     "Answer with the file: inspect lesson 5 --check mended.toml",
     check_mistakes},
    {6, "06_tape.md",
     "A number x = 3 goes through a linear layer of weight w without bias and a ReLU; then x itself is "
     "added, as in\n"
     "a residual block: y = relu(w·x) + x. What comes back to y is 1.\n"
     "What are d_x and d_w if w is 2, and what are they if w is -2?\n"
     "Answer with four numbers: inspect lesson 6 --check 'd_x, d_w, d_x, d_w'",
     check_tape},
    {7, "07_cross_entropy.md",
     "One image, three classes, all three logits 0, and the label is the second class. Label smoothing is "
     "0.3.\n"
     "What is the gradient of each logit?\n"
     "Answer with three numbers: inspect lesson 7 --check 'a, b, c'",
     check_cross_entropy},
    {8, "08_schedules.md",
     "A constant learning rate of 0.1 with a warm-up: length 4, start_factor 0.2, per epoch.\n"
     "What is the rate in each of the first five epochs?\n"
     "Answer with five numbers: inspect lesson 8 --check 'a, b, c, d, e'",
     check_schedule},
    {9, "09_fusion.md",
     "The channel of lesson 2: four rows, mean 8, squared deviations that add up to 100, weight 2, bias 1, "
     "epsilon 0.\n"
     "Its batch norm is to happen later, as y = scale·x + shift. What are the two numbers?\n"
     "Answer with two numbers: inspect lesson 9 --check 'scale, shift'",
     check_fusion},
    {10, "10_barriers.md",
     "Softmax's middle rung, 'blocks', gives each of 32 rows of 1000 classes to a block of 256 threads.\n"
     "How often do the threads of one block wait for each other at a barrier?\n"
     "Answer with one number: inspect lesson 10 --check N",
     check_barriers},
    {11, "11_step.md",
     "The step of: inspect step --image-size 32 --batch-size 2\n"
     "What share of all that features.2.conv.2 reads is 0, in percent?\n"
     "Answer with one number, one digit behind the point: inspect lesson 11 --check P",
     check_step},
    {12, "12_tensor_cores.md",
     "A warp multiplies A of 16 rows and 16 k, bf16, by one mma. Where is A's element of row 13 and k 6, "
     "both\n"
     "counted from 0: in which lane, 0 to 31, and in which of its registers of A, 0 to 3?\n"
     "Answer with two numbers: inspect lesson 12 --check 'lane, register'",
     check_tensor_cores},
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

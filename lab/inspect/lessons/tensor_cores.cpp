// Lesson 12: which lane's register is an element of an operand, found by multiplying with each of them.

#include <algorithm>
#include <cstdlib>
#include <stdexcept>
#include <vector>

#include "engine/tensor.h"
#include "lab/inspect/lessons/fragment.h"
#include "lab/inspect/lessons/lesson.h"

namespace vitrine::inspect {

Verdict check_tensor_cores(const std::string& answer) {
    const std::vector<double> given = numbers_of(answer, 2);
    constexpr int row = 13, k = 6;
    const Tensor sums = Tensor::zeros({lanes_of_warp, registers_of_a}, {DType::f32, Device::simt});
    try_registers_of_a(row, k, static_cast<float*>(sums.data()));
    const std::vector<float> results = sums.to_host<float>();
    const auto found = std::ranges::find(results, 1.0f);
    if (found == results.end()) throw std::logic_error("lesson 12: no register comes to the product");
    const auto [lane, place] = std::div(static_cast<int>(found - results.begin()), registers_of_a);
    return compare_numbers(
        given, {static_cast<double>(lane), static_cast<double>(place)},
        "A word is two neighbours in k. Row 13 is 8 below row 5, and belongs to its group; the member is the "
        "word, less 4 if it is one of the last four.");
}

}  // namespace vitrine::inspect

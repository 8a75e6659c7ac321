// Lesson 3: a parameter under momentum.

#include "kernels/kernels.h"
#include "lab/inspect/lessons/lesson.h"

namespace vitrine::inspect {

Verdict check_momentum(const std::string& answer) {
    const std::vector<double> given = numbers_of(answer, 3);
    double value = 1, buffer = 0;
    std::vector<double> right;
    for (const double gradient : {1.0, 1.0, -1.0}) {
        kernels(Device::reference)
            .sgd_update({.dtype = DType::f64,
                         .count = 1,
                         .gradient = &gradient,
                         .value = &value,
                         .momentum_buffer = &buffer,
                         .learning_rate = 0.1,
                         .momentum = 0.9,
                         .first_step = right.empty()});
        right.push_back(value);
    }
    return compare_numbers(
        given, right,
        "Keep the buffer b beside the parameter: b ← 0.9 · b + gradient, and the parameter moves by 0.1 · b "
        "against it.");
}

}  // namespace vitrine::inspect

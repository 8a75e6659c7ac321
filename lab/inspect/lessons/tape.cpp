// Lesson 6: a number that is used twice.

#include "engine/autograd.h"
#include "engine/ops/ops.h"
#include "lab/inspect/lessons/lesson.h"

namespace vitrine::inspect {
namespace {

/// d_x and d_w of relu(w · x) + x at x = 3.
std::vector<double> gradients(double w) {
    constexpr Placement host{DType::f64, Device::reference};
    Tensor x = Tensor::from_host(std::vector<double>{3}, {1, 1}, host);
    Tensor weight = Tensor::from_host(std::vector<double>{w}, {1, 1}, host);
    x.require_gradient();
    weight.require_gradient();
    Tape tape;
    {
        const Recording recording(tape);
        const Tensor y = ops::add(ops::relu(ops::linear(x, weight, {})), x);
        y.slot()->contribute(Tensor::from_host(std::vector<double>{1}, {1, 1}, host));
    }
    tape.backward_from_slots();
    return {x.gradient().item(), weight.gradient().item()};
}

}  // namespace

Verdict check_tape(const std::string& answer) {
    const std::vector<double> given = numbers_of(answer, 4);
    std::vector<double> right = gradients(2);
    for (const double each : gradients(-2)) right.push_back(each);
    return compare_numbers(
        given, right,
        "x is used twice, and what comes back on both ways adds up; a ReLU that gave 0 lets "
        "nothing back.");
}

}  // namespace vitrine::inspect

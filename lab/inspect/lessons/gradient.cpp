// Lesson 1: the gradients of a linear layer.

#include "engine/autograd.h"
#include "engine/ops/ops.h"
#include "lab/inspect/lessons/lesson.h"

namespace vitrine::inspect {

Verdict check_gradient(const std::string& answer) {
    const std::vector<double> given = numbers_of(answer, 4);
    constexpr Placement host{DType::f64, Device::reference};
    const Tensor x = Tensor::from_host(std::vector<double>{1, 2, 3, -1, 0, 2}, {2, 3}, host);
    Tensor weight = Tensor::zeros({1, 3}, host), bias = Tensor::zeros({1}, host);
    weight.require_gradient();
    bias.require_gradient();
    Tape tape;
    {
        const Recording recording(tape);
        const Tensor y = ops::linear(x, weight, bias);
        y.slot()->contribute(Tensor::from_host(std::vector<double>{4, -1}, {2, 1}, host));
    }
    tape.backward_from_slots();
    std::vector<double> right = weight.gradient().to_host<double>();
    right.push_back(bias.gradient().item());
    return compare_numbers(given, right,
                           "Each image contributes its d_y times what the weight was multiplied with; "
                           "contributions of several images add up.");
}

}  // namespace vitrine::inspect

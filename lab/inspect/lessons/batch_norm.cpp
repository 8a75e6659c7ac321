// Lesson 2: the gradient of a batch norm's input.

#include "engine/autograd.h"
#include "engine/ops/ops.h"
#include "lab/inspect/lessons/lesson.h"

namespace vitrine::inspect {

Verdict check_batch_norm(const std::string& answer) {
    const std::vector<double> given = numbers_of(answer, 4);
    constexpr Placement host{DType::f64, Device::reference};
    Tensor x = Tensor::from_host(std::vector<double>{1, 2, 3, 6}, {4, 1}, host);
    x.require_gradient();
    const Tensor weight = Tensor::from_host(std::vector<double>{2}, {1}, host);
    const Tensor bias = Tensor::zeros({1}, host);
    Tensor running_mean = Tensor::zeros({1}, host), running_variance = Tensor::zeros({1}, host);
    Tape tape;
    {
        const Recording recording(tape);
        const Tensor y = ops::batch_norm(x, weight, bias, running_mean, running_variance, {.epsilon = 0});
        y.slot()->contribute(Tensor::from_host(std::vector<double>{1, 0, 0, 0}, {4, 1}, host));
    }
    tape.backward_from_slots();
    return compare_numbers(
        given, x.gradient().to_host<double>(),
        "With the mean, the deviation and x̂ at hand: d_x = weight / deviation · (d_y − mean of d_y − x̂ · "
        "mean of d_y · x̂).");
}

}  // namespace vitrine::inspect

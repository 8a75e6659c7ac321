// Lesson 7: what comes back to the logits.

#include "engine/autograd.h"
#include "engine/ops/ops.h"
#include "lab/inspect/lessons/lesson.h"

namespace vitrine::inspect {

Verdict check_cross_entropy(const std::string& answer) {
    const std::vector<double> given = numbers_of(answer, 3);
    constexpr Placement host{DType::f64, Device::reference};
    Tensor logits = Tensor::zeros({1, 3}, host);
    logits.require_gradient();
    const Tensor labels = Tensor::from_host(std::vector<int32_t>{1}, {1}, {DType::i32, Device::reference});
    Tape tape;
    Tensor loss;
    {
        const Recording recording(tape);
        loss = ops::softmax_cross_entropy(logits, labels, 0.3);
    }
    tape.backward(loss);
    return compare_numbers(
        given, logits.gradient().to_host<double>(),
        "Probability less target; smoothing gives each class its share of 0.3, and the label the "
        "rest on top.");
}

}  // namespace vitrine::inspect

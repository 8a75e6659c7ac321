// Lesson 10: how often the threads of a block wait for each other, counted as they do.

#include <algorithm>
#include <stdexcept>

#include "engine/ops/ops.h"
#include "kernels/kernels.h"
#include "lab/gradcheck/report/counting.h"
#include "lab/inspect/lessons/lesson.h"

namespace vitrine::inspect {

Verdict check_barriers(const std::string& answer) {
    const std::vector<double> given = numbers_of(answer, 1);
    constexpr int64_t rows = 32, classes = 1000;
    const Tensor logits = Tensor::zeros({rows, classes}, {DType::f32, Device::simt});
    const Tensor labels = Tensor::zeros({rows}, {DType::i32, Device::simt});
    const gradcheck::Counting counting;
    force_implementation(Device::simt, "softmax_cross_entropy_forward=blocks");
    ops::softmax_cross_entropy(logits, labels, 0.0);
    force_implementation(Device::simt, "softmax_cross_entropy_forward=");
    const std::vector<simt::LaunchReport> launches =
        counting.take();  // the device's first, and one that averages losses, too
    const auto softmax = std::ranges::find_if(launches, [](const simt::LaunchReport& launch) {
        return launch.kernel.find("softmax_blocks") != std::string::npos;
    });
    if (softmax == launches.end()) throw std::logic_error("lesson 10: no launch of softmax_blocks");
    return compare_numbers(
        given, {static_cast<double>(softmax->barriers) / softmax->grid.x},
        "The column 'barriers' of the report counts them for all blocks of a launch, and 'grid' says "
        "how many there are.");
}

}  // namespace vitrine::inspect

// Lesson 4: what a naive kernel moves, counted as it runs.

#include <vector>

#include "engine/ops/ops.h"
#include "kernels/error.h"
#include "kernels/kernels.h"
#include "lab/gradcheck/report/counting.h"
#include "lab/gradcheck/report/entry.h"
#include "lab/inspect/lessons/lesson.h"

namespace vitrine::inspect {
namespace {

/// Of the source line with the most sectors too many, in the naive softmax over zeros.
double worst_ratio_of_naive_softmax(int64_t rows, int64_t classes) {
    constexpr Placement simt{DType::f32, Device::simt};
    const Tensor logits = Tensor::zeros({rows, classes}, simt);
    const Tensor labels = Tensor::zeros({rows}, {DType::i32, Device::simt});
    const gradcheck::Counting counting;
    force_implementation(Device::simt, "softmax_cross_entropy_forward=naive");
    ops::softmax_cross_entropy(logits, labels, 0.0);
    force_implementation(Device::simt, "softmax_cross_entropy_forward=");
    const std::vector<simt::LineTraffic> lines = gradcheck::worst_lines(counting.take());
    if (lines.empty())
        throw Error(
            "this build's sanitizer stands where accesses would be counted; build the preset release");
    return static_cast<double>(lines.front().sectors) / static_cast<double>(lines.front().ideal_sectors);
}

}  // namespace

Verdict check_sectors(const std::string& answer) {
    const std::vector<double> given = numbers_of(answer, 1);
    return compare_numbers(
        given, {worst_ratio_of_naive_softmax(32, 2)},
        "32 rows of 2 floats lie in 256 bytes, one after the other. Each request asks for one float of every "
        "row: how many sectors of 32 bytes are those, and how many would hold 32 floats side by side?");
}

}  // namespace vitrine::inspect

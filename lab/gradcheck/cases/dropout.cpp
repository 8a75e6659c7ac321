// Dropout with a frozen key: the mask is the same in every run.

#include <fmt/format.h>

#include "lab/gradcheck/cases/list.h"
#include "lab/gradcheck/harness/draw.h"

namespace vitrine::gradcheck {
namespace {

constexpr RandomKey key{0x123456789ABCDEF, RandomPurpose::dropout, 3, 77};  // the sample must not matter

Problem dropout_problem(int64_t rows, int64_t features, double probability) {
    const int64_t count = rows * features;
    Problem problem;
    problem.shape = fmt::format("{}x{}, probability {}", rows, features, probability);
    problem.tensors = {{"x", Role::parameter, count, uniform("x", count)}, {"y", Role::loss, count}};
    problem.half = HalfTypes{};
    problem.forward = pass(&KernelTable::dropout_forward, [=](DType dtype, const Bindings& b) {
        return DropoutForward{dtype, rows, features, probability, key, b["x"], b["y"]};
    });
    problem.backward = pass(&KernelTable::dropout_backward, [=](DType dtype, const Bindings& b) {
        return DropoutBackward{dtype, rows, features, probability, key, b["d_y"], b.gradient("d_x")};
    });
    // The formula once more, so that the mask is right and not merely the same everywhere.
    problem.expected = [=](const Values& inputs) {
        std::vector<double> y = inputs.at("x");
        for (size_t i = 0; i < y.size(); ++i) {
            const uint64_t row = i / static_cast<uint64_t>(features),
                           feature = i % static_cast<uint64_t>(features);
            const RandomKey own{key.seed, key.purpose, key.epoch, static_cast<uint32_t>(row)};
            const bool keep = double{uniform_from_word(random_word(own, feature))} >= probability;
            y[i] = keep ? y[i] / (1 - probability) : 0;
        }
        return Values{{"y", std::move(y)}};
    };
    return problem;
}

}  // namespace

std::vector<Problem> dropout_problems() {
    return {dropout_problem(1, 1, 0.5),  dropout_problem(2, 7, 0.5),     dropout_problem(5, 33, 0.2),
            dropout_problem(3, 64, 0.9), dropout_problem(1, 1001, 0.25), dropout_problem(64, 3, 0.2),
            dropout_problem(4, 16, 0.0), dropout_problem(33, 1280, 0.2)};
}

/// Before MobileNetV2's classifier.
std::vector<Problem> dropout_layers() { return {dropout_problem(32, 1280, 0.2)}; }

}  // namespace vitrine::gradcheck

// A short training on the simt device in which everything that can change from step to step does: images and their
// augmentation, mixed labels, dropout's masks, learning rate and momentum, clipping, a moving average, the size of the
// last batch of an epoch.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <functional>
#include <vector>

#include "engine/nn/module.h"
#include "engine/step/step.h"
#include "engine/step/step_graph.h"

namespace vitrine::tests {

struct Course {
    uint32_t steps = 50;
    int accumulate = 1;                   // batches an update
    std::vector<double> class_weights{};  // empty: none
    DType precision = DType::f32;         // f16 begins with the largest scale of the loss, and overflows
    /// Before each step: 0, 1, ….
    std::function<void(uint32_t step, TrainingStep& training, StepGraph* graph)> before{};
};

struct CourseResult {
    std::vector<double> losses, norms;
    std::vector<double> numbers;  // of the model, its momentum and its average
    StepGraph::Counts counts{};   // where steps ran as graphs
    std::string problem{};

    /// To the bit, NaN among them.
    bool same_as(const CourseResult& other) const {
        const auto same = [](const std::vector<double>& a, const std::vector<double>& b) {
            return std::ranges::equal(a, b, {}, std::bit_cast<uint64_t, double>,
                                      std::bit_cast<uint64_t, double>);
        };
        return same(losses, other.losses) && same(norms, other.norms) && same(numbers, other.numbers);
    }
};

/// With graphs, or kernel by kernel. Always the same course.
CourseResult take_course(const Course& course, bool graphs, Device device = Device::simt);

}  // namespace vitrine::tests

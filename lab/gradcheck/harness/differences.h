// Gradients by central differences: (L(x + h) − L(x − h)) / 2h, of the loss L = Σ d_output · output.
//
// The loss itself is never formed: the outputs are subtracted element by element and then weighted, so that
// elements that x does not move add nothing, not even rounding.
#pragma once

#include <string>
#include <vector>

#include "lab/gradcheck/harness/compare.h"
#include "lab/gradcheck/harness/launch.h"
#include "lab/gradcheck/harness/problem.h"

namespace vitrine::gradcheck {

struct NumericGradient {
    struct Sample {
        int64_t index;
        double value;
    };

    std::string parameter;
    std::vector<Sample> samples;  // the first and the last element are always among them
    /// Every element at once, each by +1 or −1: the derivative along this direction checks them all.
    std::vector<double> direction;
    double along_direction = 0;
};

/// One for each parameter of the problem, with so many samples. `forward` is a launch of the forward kernel
/// in f64.
std::vector<NumericGradient> numeric_gradients(Launch& forward, const Callable& implementation,
                                               const Problem& problem, int64_t samples, const Values& inputs,
                                               const Values& upstream);

struct DifferenceError {
    double error = 0;
    std::string tensor;  // d_NAME
    Worst worst;  // actual is analytic, expected numeric; index −1 is the derivative along the direction
};

/// The worst relative error of the analytic gradients d_NAME. An element's error is relative to its own size
/// or to the gradient's root mean square, whichever is larger; what is along a direction, to the gradient's
/// norm.
DifferenceError worst_difference(const std::vector<NumericGradient>& numeric, const Values& analytic);

}  // namespace vitrine::gradcheck

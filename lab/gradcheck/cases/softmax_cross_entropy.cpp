// Softmax cross-entropy with label smoothing.

#include <fmt/format.h>

#include <cmath>

#include "lab/gradcheck/cases/list.h"
#include "lab/gradcheck/harness/draw.h"

namespace vitrine::gradcheck {
namespace {

struct Options {
    int64_t batch;
    int64_t classes;
    double smoothing;
    double offset = 0;  // of the logits: the result does not depend on it
    double lambda = 1;  // of the first labels; below 1 there are others
};

SoftmaxCrossEntropyForward forward_args(const Options& o, DType dtype, const Bindings& b) {
    return {dtype,
            o.batch,
            o.classes,
            o.smoothing,
            b["logits"],
            static_cast<const int32_t*>(b["labels"]),
            static_cast<const int32_t*>(b.optional("labels_b")),
            o.lambda,
            b["probabilities"],
            b["loss"]};
}

SoftmaxCrossEntropyBackward backward_args(const Options& o, DType dtype, const Bindings& b) {
    return {dtype,
            o.batch,
            o.classes,
            o.smoothing,
            b["probabilities"],
            static_cast<const int32_t*>(b["labels"]),
            static_cast<const int32_t*>(b.optional("labels_b")),
            o.lambda,
            b["d_loss"],
            b.gradient("d_logits")};
}

/// The textbook's formula, with soft targets and without any care for overflow.
Values expected(const Options& o, const Values& inputs) {
    const std::vector<double>& logits = inputs.at("logits");
    const size_t classes = static_cast<size_t>(o.classes);
    std::vector<double> probabilities(logits.size());
    double loss = 0;
    for (size_t row = 0; row < static_cast<size_t>(o.batch); ++row) {
        double sum = 0;
        for (size_t k = 0; k < classes; ++k) sum += std::exp(logits[row * classes + k] - o.offset);
        for (size_t k = 0; k < classes; ++k) {
            const double p = std::exp(logits[row * classes + k] - o.offset) / sum;
            double hard = static_cast<double>(k) == inputs.at("labels")[row] ? o.lambda : 0;
            if (o.lambda != 1 && static_cast<double>(k) == inputs.at("labels_b")[row]) hard += 1 - o.lambda;
            loss -= (hard * (1 - o.smoothing) + o.smoothing / static_cast<double>(classes)) * std::log(p);
            probabilities[row * classes + k] = p;
        }
    }
    return {{"probabilities", std::move(probabilities)}, {"loss", {loss / static_cast<double>(o.batch)}}};
}

Problem softmax_problem(const Options& o) {
    const int64_t count = o.batch * o.classes;
    Problem problem;
    problem.shape = fmt::format("{}x{}, smoothing {}", o.batch, o.classes, o.smoothing);
    if (o.offset != 0) problem.shape += fmt::format(", logits near {}", o.offset);
    problem.tensors = {
        {"logits", Role::parameter, count, uniform("logits", count, o.offset - 4, o.offset + 4)},
        {"labels", Role::input, o.batch, integers("labels", o.batch, o.classes), Element::i32},
        {"probabilities", Role::output, count},
        {"loss", Role::loss, 1}};
    if (o.lambda != 1) {
        problem.shape += fmt::format(", lambda {}", o.lambda);
        problem.tensors.push_back(
            {"labels_b", Role::input, o.batch, integers("labels_b", o.batch, o.classes), Element::i32});
    }
    problem.forward = pass(&KernelTable::softmax_cross_entropy_forward,
                           [o](DType dtype, const Bindings& b) { return forward_args(o, dtype, b); });
    problem.backward = pass(&KernelTable::softmax_cross_entropy_backward,
                            [o](DType dtype, const Bindings& b) { return backward_args(o, dtype, b); });
    problem.expected = [o](const Values& inputs) { return expected(o, inputs); };
    return problem;
}

}  // namespace

std::vector<Problem> softmax_cross_entropy_problems() {
    const std::vector<Options> all{
        {1, 1, 0},
        {1, 2, 0},
        {3, 5, 0},
        {3, 5, 0.1},
        {4, 10, 1},
        {7, 33, 0.1},
        {64, 10, 0},
        {2, 1000, 0.1},
        {130, 17, 0.05},
        {33, 200, 0},
        {5, 9, 0, 1000},
        {5, 9, 0.1, -1000},
        {7, 5, 0, 0, 0.3},
        {5, 40, 0.1, 0, 0.75},
        {9, 1100, 0.1, 0, 0.6},
        {4, 3, 0.2, 0, 0},
    };
    std::vector<Problem> problems;
    for (const Options& options : all) problems.push_back(softmax_problem(options));
    return problems;
}

std::vector<Problem> softmax_cross_entropy_layers() { return {softmax_problem({32, 1000, 0.1})}; }

}  // namespace vitrine::gradcheck

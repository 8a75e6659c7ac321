// Softmax cross-entropy with label smoothing and weights of classes.

#include <fmt/format.h>

#include <cmath>
#include <numeric>

#include "lab/gradcheck/cases/list.h"
#include "lab/gradcheck/harness/draw.h"

namespace vitrine::gradcheck {
namespace {

/// Of classes.
enum class Weights {
    none,
    drawn,
    some_zero,       // every second class has none, and its labels are there all the same
    labels_without,  // only class 0 has any, which is nobody's label
};

struct Options {
    int64_t batch;
    int64_t classes;
    double smoothing;
    double offset = 0;  // of the logits: the result does not depend on it
    double lambda = 1;  // of the first labels; below 1 there are others
    Weights weights = Weights::none;
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
            b["loss"],
            b.optional("class_weights"),
            b.optional("total_weight")};
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
            b.gradient("d_logits"),
            b.optional("class_weights"),
            b.optional("total_weight")};
}

/// With a mean of 1.
std::vector<double> class_weights(const Options& o) {
    std::vector<double> weights = uniform("class_weights", o.classes, 0.1, 2);
    for (size_t k = 0; k < weights.size(); ++k) {
        if (o.weights == Weights::some_zero && k % 2 == 1) weights[k] = 0;
        if (o.weights == Weights::labels_without && k > 0) weights[k] = 0;
    }
    const double mean = std::accumulate(weights.begin(), weights.end(), 0.0) / static_cast<double>(o.classes);
    for (double& weight : weights) weight /= mean;
    return weights;
}

std::vector<double> labels(const Options& o, const char* name) {
    if (o.weights != Weights::labels_without) return integers(name, o.batch, o.classes);
    std::vector<double> others = integers(name, o.batch, o.classes - 1);
    for (double& label : others) label += 1;
    return others;
}

/// The textbook's formula, with soft targets and without any care for overflow.
Values expected(const Options& o, const Values& inputs) {
    const std::vector<double>& logits = inputs.at("logits");
    const size_t classes = static_cast<size_t>(o.classes);
    const auto weight = [&](double k) {
        return o.weights == Weights::none ? 1.0 : inputs.at("class_weights")[static_cast<size_t>(k)];
    };
    std::vector<double> probabilities(logits.size());
    double loss = 0, total_weight = 0;
    for (size_t row = 0; row < static_cast<size_t>(o.batch); ++row) {
        const double label = inputs.at("labels")[row], other = o.lambda == 1 ? 0 : inputs.at("labels_b")[row];
        total_weight += o.lambda * weight(label) + (1 - o.lambda) * weight(other);
        double sum = 0;
        for (size_t k = 0; k < classes; ++k) sum += std::exp(logits[row * classes + k] - o.offset);
        for (size_t k = 0; k < classes; ++k) {
            const double p = std::exp(logits[row * classes + k] - o.offset) / sum;
            double hard = static_cast<double>(k) == label ? o.lambda : 0;
            if (o.lambda != 1 && static_cast<double>(k) == other) hard += 1 - o.lambda;
            const double target = hard * (1 - o.smoothing) + o.smoothing / static_cast<double>(classes);
            loss -= weight(static_cast<double>(k)) * target * std::log(p);
            probabilities[row * classes + k] = p;
        }
    }
    Values all{{"probabilities", std::move(probabilities)},
               {"loss", {total_weight == 0 ? 0 : loss / total_weight}}};
    if (o.weights != Weights::none) all["total_weight"] = {total_weight};
    return all;
}

Problem softmax_problem(const Options& o) {
    const int64_t count = o.batch * o.classes;
    Problem problem;
    problem.shape = fmt::format("{}x{}, smoothing {}", o.batch, o.classes, o.smoothing);
    if (o.offset != 0) problem.shape += fmt::format(", logits near {}", o.offset);
    problem.tensors = {
        {"logits", Role::parameter, count, uniform("logits", count, o.offset - 4, o.offset + 4)},
        {"labels", Role::input, o.batch, labels(o, "labels"), Element::i32},
        {"probabilities", Role::output, count},
        {"loss", Role::loss, 1}};
    if (o.lambda != 1) {
        problem.shape += fmt::format(", lambda {}", o.lambda);
        problem.tensors.push_back({"labels_b", Role::input, o.batch, labels(o, "labels_b"), Element::i32});
    }
    if (o.weights != Weights::none) {
        problem.shape += o.weights == Weights::drawn       ? ", class weights"
                         : o.weights == Weights::some_zero ? ", every second class without weight"
                                                           : ", labels without weight";
        problem.tensors.push_back({"class_weights", Role::input, o.classes, class_weights(o)});
        problem.tensors.push_back({"total_weight", Role::output, 1});
    }
    problem.half = HalfTypes{{"probabilities", "loss", "class_weights", "total_weight"}};
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
        {3, 5, 0, 0, 1, Weights::drawn},
        {130, 17, 0.1, 0, 1, Weights::drawn},
        {3, 1000, 0.1, 0, 1, Weights::drawn},
        {8, 33, 0.2, 0, 0.3, Weights::drawn},
        {9, 1100, 0.1, 0, 0.6, Weights::drawn},
        {5, 9, 0.1, 1000, 1, Weights::drawn},
        {12, 6, 0.1, 0, 1, Weights::some_zero},
        {12, 6, 0, 0, 0.75, Weights::some_zero},
        {4, 5, 0.1, 0, 1, Weights::labels_without},
        {4, 5, 0, 0, 0.4, Weights::labels_without},
    };
    std::vector<Problem> problems;
    for (const Options& options : all) problems.push_back(softmax_problem(options));
    return problems;
}

std::vector<Problem> softmax_cross_entropy_layers() { return {softmax_problem({32, 1000, 0.1})}; }

}  // namespace vitrine::gradcheck

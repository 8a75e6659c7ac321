// Softmax cross-entropy with label smoothing and class weights, as plain loops: see kernels/loss.h for the formulas.

#include <algorithm>
#include <cmath>

#include "kernels/kernels.h"

namespace vitrine::reference {
namespace {

/// target_k of sample b
template <class Args>
double target(const Args& args, int64_t b, int64_t k) {
    double hard = k == args.labels[b] ? args.lambda : 0.0;
    if (args.labels_b != nullptr && k == args.labels_b[b]) hard += 1.0 - args.lambda;
    return (1.0 - args.label_smoothing) * hard + args.label_smoothing / static_cast<double>(args.classes);
}

/// w_k
template <class A, class Args>
double weight(const Args& args, int64_t k) {
    return args.class_weights == nullptr ? 1.0 : double{static_cast<const A*>(args.class_weights)[k]};
}

/// W
template <class A>
double total_weight(const SoftmaxCrossEntropyForward& args) {
    if (args.class_weights == nullptr) return static_cast<double>(args.batch);
    double total = 0;
    for (int64_t b = 0; b < args.batch; ++b) {
        total += args.lambda * weight<A>(args, args.labels[b]);
        if (args.labels_b != nullptr) total += (1.0 - args.lambda) * weight<A>(args, args.labels_b[b]);
    }
    return total;
}

constexpr auto forward = all_types([]<class T>(const SoftmaxCrossEntropyForward& args, Context&) {
    using A = Accumulate<T>;
    double total = 0;
    for (int64_t b = 0; b < args.batch; ++b) {
        const T* logits = static_cast<const T*>(args.logits) + b * args.classes;
        A* probabilities = static_cast<A*>(args.probabilities) + b * args.classes;
        // log p_k = logit_k − log Σ exp(logit): shifted by the maximum, so that no exponential overflows.
        double maximum = double{logits[0]};
        for (int64_t k = 1; k < args.classes; ++k) maximum = std::max(maximum, double{logits[k]});
        double sum = 0;
        for (int64_t k = 0; k < args.classes; ++k) sum += std::exp(double{logits[k]} - maximum);
        for (int64_t k = 0; k < args.classes; ++k) {
            const double log_p = double{logits[k]} - maximum - std::log(sum);
            probabilities[k] = static_cast<A>(std::exp(log_p));
            total -= weight<A>(args, k) * target(args, b, k) * log_p;
        }
    }
    const double weights = total_weight<A>(args);
    if (args.class_weights != nullptr) *static_cast<A*>(args.total_weight) = static_cast<A>(weights);
    const bool counts = args.class_weights == nullptr || weights > 0.0;
    *static_cast<A*>(args.loss) = static_cast<A>(counts ? total / weights : 0.0);
});

constexpr auto backward = all_types([]<class T>(const SoftmaxCrossEntropyBackward& args, Context&) {
    using A = Accumulate<T>;
    const A* probabilities = static_cast<const A*>(args.probabilities);
    const GradientWriter<T> d_logits(args.d_logits);
    if (!d_logits) return;
    const double weights = args.class_weights == nullptr ? static_cast<double>(args.batch)
                                                         : double{*static_cast<const A*>(args.total_weight)};
    const double factor = weights > 0.0 ? double{*static_cast<const A*>(args.d_loss)} / weights : 0.0;
    for (int64_t b = 0; b < args.batch; ++b) {
        double sum = 1.0;  // of the weighted targets
        if (args.class_weights != nullptr) {
            sum = 0.0;
            for (int64_t k = 0; k < args.classes; ++k) sum += weight<A>(args, k) * target(args, b, k);
        }
        for (int64_t k = 0; k < args.classes; ++k) {
            const int64_t index = b * args.classes + k;
            const double difference =
                double{probabilities[index]} * sum - weight<A>(args, k) * target(args, b, k);
            d_logits(index, static_cast<A>(factor * difference));
        }
    }
});

constexpr Implementation<SoftmaxCrossEntropyForward> forward_list[]{{"loops", refuses_nothing, forward}};
constexpr Implementation<SoftmaxCrossEntropyBackward> backward_list[]{{"loops", refuses_nothing, backward}};

}  // namespace

const Kernel<SoftmaxCrossEntropyForward> softmax_cross_entropy_forward{"softmax_cross_entropy_forward",
                                                                       forward_list};
const Kernel<SoftmaxCrossEntropyBackward> softmax_cross_entropy_backward{"softmax_cross_entropy_backward",
                                                                         backward_list};

}  // namespace vitrine::reference

// Softmax cross-entropy with label smoothing, as plain loops: see kernels/loss.h for the formulas.

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

template <class T>
void forward(const SoftmaxCrossEntropyForward& args) {
    double total = 0;
    for (int64_t b = 0; b < args.batch; ++b) {
        const T* logits = static_cast<const T*>(args.logits) + b * args.classes;
        T* probabilities = static_cast<T*>(args.probabilities) + b * args.classes;
        // log p_k = logit_k − log Σ exp(logit): shifted by the maximum, so that no exponential overflows.
        const double maximum = double{*std::max_element(logits, logits + args.classes)};
        double sum = 0;
        for (int64_t k = 0; k < args.classes; ++k) sum += std::exp(double{logits[k]} - maximum);
        for (int64_t k = 0; k < args.classes; ++k) {
            const double log_p = double{logits[k]} - maximum - std::log(sum);
            probabilities[k] = static_cast<T>(std::exp(log_p));
            total -= target(args, b, k) * log_p;
        }
    }
    *static_cast<T*>(args.loss) = static_cast<T>(total / static_cast<double>(args.batch));
}

template <class T>
void backward(const SoftmaxCrossEntropyBackward& args) {
    const T* probabilities = static_cast<const T*>(args.probabilities);
    const GradientWriter<T> d_logits(args.d_logits);
    if (!d_logits) return;
    const double factor = double{*static_cast<const T*>(args.d_loss)} / static_cast<double>(args.batch);
    for (int64_t b = 0; b < args.batch; ++b)
        for (int64_t k = 0; k < args.classes; ++k) {
            const int64_t index = b * args.classes + k;
            const double difference = double{probabilities[index]} - target(args, b, k);
            d_logits(index, static_cast<T>(factor * difference));
        }
}

void run_forward(const SoftmaxCrossEntropyForward& args, Context&) {
    dispatch_float(args.dtype, [&]<class T>() { forward<T>(args); });
}

void run_backward(const SoftmaxCrossEntropyBackward& args, Context&) {
    dispatch_float(args.dtype, [&]<class T>() { backward<T>(args); });
}

constexpr Implementation<SoftmaxCrossEntropyForward> forward_list[]{{"loops", refuses_nothing, run_forward}};
constexpr Implementation<SoftmaxCrossEntropyBackward> backward_list[]{
    {"loops", refuses_nothing, run_backward}};

}  // namespace

const Kernel<SoftmaxCrossEntropyForward> softmax_cross_entropy_forward{"softmax_cross_entropy_forward",
                                                                       forward_list};
const Kernel<SoftmaxCrossEntropyBackward> softmax_cross_entropy_backward{"softmax_cross_entropy_backward",
                                                                         backward_list};

}  // namespace vitrine::reference

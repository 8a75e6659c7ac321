// Softmax cross-entropy with label smoothing and class weights. Small beside any convolution, so it is taken in f64
// throughout.

#include <algorithm>
#include <cmath>

#include "kernels/cpu/parallel.h"
#include "kernels/cpu/per_thread.h"
#include "kernels/kernels.h"

namespace vitrine::cpu {
namespace {

/// w_k
template <class A, class Args>
double weight(const Args& args, int64_t k) {
    return args.class_weights == nullptr ? 1.0
                                         : static_cast<double>(static_cast<const A*>(args.class_weights)[k]);
}

/// λ · w_label + (1 − λ) · w_other of sample b
template <class A, class Args>
double label_weight(const Args& args, int64_t b) {
    const double own = args.lambda * weight<A>(args, args.labels[b]);
    return args.labels_b == nullptr ? own : own + (1 - args.lambda) * weight<A>(args, args.labels_b[b]);
}

/// Writes the probabilities of sample b and returns its loss, `exponentials` being of one sample, with the smoothed target's parts apart:
/// −Σ w_k · target_k · log p_k = −(1 − ε) · (s · w_label · log p_label + (1 − s) · w_other · log p_other)
///                               − ε/K · Σ w_k · log p_k      where Σ w_k = K.
template <class T>
double sample_loss(const SoftmaxCrossEntropyForward& args, int64_t b, double* exponentials) {
    using A = Accumulate<T>;
    const T* logits = static_cast<const T*>(args.logits) + b * args.classes;
    A* probabilities = static_cast<A*>(args.probabilities) + b * args.classes;
    // Shifted by the maximum, so that no exponential overflows.
    double maximum = static_cast<double>(logits[0]);
    for (int64_t k = 1; k < args.classes; ++k) maximum = std::max(maximum, static_cast<double>(logits[k]));
    double sum = 0, shifted_sum = 0;
    for (int64_t k = 0; k < args.classes; ++k) {
        const double shifted = static_cast<double>(logits[k]) - maximum;
        exponentials[k] = std::exp(shifted);
        sum += exponentials[k];
        shifted_sum += weight<A>(args, k) * shifted;
    }
    const double log_sum = std::log(sum);
    for (int64_t k = 0; k < args.classes; ++k) probabilities[k] = static_cast<A>(exponentials[k] / sum);
    const double classes = static_cast<double>(args.classes);
    const auto weighted_log_p = [&](int32_t label) {
        return weight<A>(args, label) * (static_cast<double>(logits[label]) - maximum - log_sum);
    };
    // Nothing is multiplied by a share of 0: the logarithm may be −∞.
    double hard = args.lambda == 0 ? 0.0 : args.lambda * weighted_log_p(args.labels[b]);
    if (args.labels_b != nullptr && args.lambda != 1)
        hard += (1 - args.lambda) * weighted_log_p(args.labels_b[b]);
    return -(1 - args.label_smoothing) * hard -
           args.label_smoothing / classes * (shifted_sum - classes * log_sum);
}

constexpr auto forward = all_types([]<class T>(const SoftmaxCrossEntropyForward& args, Context& context) {
    using A = Accumulate<T>;
    double* losses = context.scratch.take<double>(args.batch);
    const PerThread<double> exponentials(context, args.classes);
    parallel_for(args.batch, [&](int64_t b) { losses[b] = sample_loss<T>(args, b, exponentials.mine()); });
    double total = 0;
    for (int64_t b = 0; b < args.batch; ++b) total += losses[b];
    double weights = static_cast<double>(args.batch);
    if (args.class_weights != nullptr) {
        weights = 0;
        for (int64_t b = 0; b < args.batch; ++b) weights += label_weight<A>(args, b);
        *static_cast<A*>(args.total_weight) = static_cast<A>(weights);
    }
    const bool counts = args.class_weights == nullptr || weights > 0;
    *static_cast<A*>(args.loss) = static_cast<A>(counts ? total / weights : 0.0);
});

constexpr auto backward = all_types([]<class T>(const SoftmaxCrossEntropyBackward& args, Context&) {
    if (!args.d_logits) return;
    using A = Accumulate<T>;
    const A* probabilities = static_cast<const A*>(args.probabilities);
    const GradientWriter<T> d_logits(args.d_logits);
    const double weights = args.class_weights == nullptr
                               ? static_cast<double>(args.batch)
                               : static_cast<double>(*static_cast<const A*>(args.total_weight));
    const double factor =
        weights == 0 ? 0.0 : static_cast<double>(*static_cast<const A*>(args.d_loss)) / weights;
    const double everywhere = args.label_smoothing / static_cast<double>(args.classes);
    parallel_for(args.batch, [&](int64_t b) {
        // Of the weighted targets.
        const double sum = args.class_weights == nullptr
                               ? 1.0
                               : (1 - args.label_smoothing) * label_weight<A>(args, b) + args.label_smoothing;
        for (int64_t k = 0; k < args.classes; ++k) {
            const int64_t i = b * args.classes + k;
            double hard = k == args.labels[b] ? args.lambda : 0.0;
            if (args.labels_b != nullptr && k == args.labels_b[b]) hard += 1 - args.lambda;
            const double target = everywhere + (1 - args.label_smoothing) * hard;
            d_logits(i, static_cast<A>(factor * (static_cast<double>(probabilities[i]) * sum -
                                                 weight<A>(args, k) * target)));
        }
    });
});

constexpr Implementation<SoftmaxCrossEntropyForward> forward_list[]{{"rows", refuses_nothing, forward}};
constexpr Implementation<SoftmaxCrossEntropyBackward> backward_list[]{{"rows", refuses_nothing, backward}};

}  // namespace

const Kernel<SoftmaxCrossEntropyForward> softmax_cross_entropy_forward{"softmax_cross_entropy_forward",
                                                                       forward_list};
const Kernel<SoftmaxCrossEntropyBackward> softmax_cross_entropy_backward{"softmax_cross_entropy_backward",
                                                                         backward_list};

}  // namespace vitrine::cpu

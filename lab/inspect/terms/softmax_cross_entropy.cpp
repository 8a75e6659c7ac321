// loss = −1/W · Σ_b Σ_k w_k · target_k · log p_k      d_logits_k = d_loss / W · (p_k · Σ_j w_j · target_j − w_k · target_k)
//
// With label smoothing, mixed labels and class weights: kernels/loss.h.

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "lab/inspect/terms/ops.h"

namespace vitrine::inspect {
namespace {

struct Loss {
    const OpView& op;
    TracedLoss options = op.options<TracedLoss>();
    int64_t batch = op.input_shape(0)[0], classes = op.input_shape(0)[1];
    std::span<const double> logits = op.input(0), labels = op.input(1), labels_b = op.input(2),
                            weights = op.input(3);

    bool is_label(std::span<const double> of, int64_t b, int64_t k) const {
        return !of.empty() && of[b] == static_cast<double>(k);
    }
    double target(int64_t b, int64_t k) const {
        const double hard = (is_label(labels, b, k) ? options.lambda : 0.0) +
                            (is_label(labels_b, b, k) ? 1.0 - options.lambda : 0.0);
        return (1.0 - options.label_smoothing) * hard +
               options.label_smoothing / static_cast<double>(classes);
    }
    double weight(int64_t k) const { return weights.empty() ? 1.0 : weights[k]; }
    double weight_of_label(std::span<const double> of, int64_t b) const {
        return of.empty() ? 0.0 : weight(static_cast<int64_t>(of[b]));
    }

    /// W
    double total_weight() const {
        if (weights.empty()) return static_cast<double>(batch);
        Sum sum;
        for (int64_t b = 0; b < batch; ++b) {
            sum.add(options.lambda * weight_of_label(labels, b));
            sum.add((1.0 - options.lambda) * weight_of_label(labels_b, b));
        }
        return sum.total().value;
    }

    /// log p_k = logit_k − largest − log Σ exp(logit − largest)
    Number log_p(int64_t b, int64_t k) const {
        const auto row = logits.subspan(b * classes, classes);
        const double largest = std::ranges::max(row);
        Sum sum;
        for (const double logit : row) {
            const Number shifted = Number(logit) - largest;
            sum.add(through(shifted, std::exp(shifted.value), std::exp(shifted.value)));
        }
        const Number total = sum.total();
        return Number(row[k]) - largest - through(total, std::log(total.value), 1.0 / total.value);
    }
};

void forward(const OpView& view, size_t, int64_t, TermWriter& writer) {
    const Loss op{view};
    const double total = op.total_weight();
    writer.formula("loss = Σ over images and classes  −1/W · w · target · log p");
    for (int64_t b = 0; b < op.batch; ++b) {
        for (int64_t k = 0; k < op.classes; ++k) {
            const double target = op.target(b, k), share = total > 0.0 ? -1.0 / total : 0.0;
            if (target == 0.0) continue;
            const Number log_p = op.log_p(b, k);
            writer.add(log_p * (share * op.weight(k) * target), [&] {
                return Term{.label = fmt::format("image {}, class {}", b, k),
                            .factors = {{"−1/W", share, ""},
                                        {"w", op.weight(k), ""},
                                        {"target", target, ""},
                                        {"log p",
                                         log_p.value,
                                         fmt::format("log {:.6g}", std::exp(log_p.value)),
                                         {view.input_at(0, b * op.classes + k)}}}};
            });
        }
    }
}

void backward(const OpView& view, size_t, int64_t element, TermWriter& writer) {
    const Loss op{view};
    const int64_t b = element / op.classes, k = element % op.classes;
    const double total = op.total_weight(), d_loss = view.gradient(0)[0];
    const double share = total > 0.0 ? d_loss / total : 0.0;
    writer.formula("d_logit_k = d_loss/W · (p_k · Σ_j w_j · target_j − w_k · target_k)");
    Sum targets;
    for (int64_t j = 0; j < op.classes; ++j) targets.add(op.weight(j) * op.target(b, j));
    const Number log_p = op.log_p(b, k);
    const Number p = through(log_p, std::exp(log_p.value), std::exp(log_p.value));
    const Factor of_loss{
        "d_loss/W", share, fmt::format("{:.6g} / {:.6g}", d_loss, total), {view.gradient_at(0, 0)}};
    writer.add(p * targets.total() * share, "what the model says",
               {of_loss,
                {"p",
                 p.value,
                 fmt::format("softmax of logit {:.6g}", op.logits[element]),
                 {view.input_at(0, element)}},
                {"Σ w · target", targets.total().value, ""}});
    const double target = op.target(b, k);
    writer.add(Number(share) * op.weight(k) * -target, "what is right",
               {of_loss, {"w", op.weight(k), ""}, {"−target", -target, ""}});
}

}  // namespace

const OpTerms softmax_cross_entropy_terms{{"loss"}, forward, backward};

}  // namespace vitrine::inspect

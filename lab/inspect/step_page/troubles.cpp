// What goes wrong in training: see troubles.h.

#include "lab/inspect/step_page/troubles.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "lab/inspect/step_page/host_values.h"

namespace vitrine::inspect {
namespace {

constexpr double far_apart = 1e3;       // times a gradient's usual size: vanishing or exploding, beyond it
constexpr double sure = 0.9999;         // of a probability that leaves next to no gradient
constexpr double tiny_variance = 1e-5;  // batch norm's ε: below it, ε is most of what is divided by
constexpr size_t listed = 5;            // channels that a sentence names

double norm_of(const Tensor& tensor) {
    double squares = 0.0;
    with_values(tensor, [&](auto values) {
        for (const double value : values) squares += value * value;
    });
    return std::sqrt(squares);
}

bool all_finite(const Tensor& tensor) {
    bool finite = true;
    with_values(tensor, [&](auto values) {
        finite = std::ranges::all_of(values, [](double value) { return std::isfinite(value); });
    });
    return finite;
}

std::string list(const std::vector<int64_t>& channels) {
    std::string text;
    for (size_t i = 0; i < std::min(channels.size(), listed); ++i)
        text += fmt::format("{}{}", i == 0 ? "" : ", ", channels[i]);
    return channels.size() > listed ? text + ", …" : text;
}

class Search {
  public:
    explicit Search(const CapturedStep& step) : step_(step) {}

    std::vector<Trouble> run() {
        for (int i = 0; i < static_cast<int>(step_.ops.size()); ++i) {
            const CapturedOp& op = step_.ops[static_cast<size_t>(i)];
            not_finite(i, op);
            if (op.op == "relu" || op.op == "relu6") dead_after_activation(i, op);
            if (op.op == "normalize") of_normalize(i, op);
            if (op.op == "batch_norm") of_batch_norm(i, op);
            if (op.op == "softmax_cross_entropy") of_loss(i, op);
        }
        gradients();
        std::ranges::stable_sort(found_, {}, &Trouble::op);
        return found_;
    }

  private:
    const CapturedTensor& tensor(int index) const { return step_.tensors[static_cast<size_t>(index)]; }

    void add(int op, const char* kind, std::string sentence) {
        found_.push_back({op, kind, std::move(sentence)});
    }

    /// Only where it begins: all that follows has it from there.
    void not_finite(int i, const CapturedOp& op) {
        if (!finite_so_far_ || all_finite(tensor(op.outputs[0]).value)) return;
        finite_so_far_ = false;
        add(i, "not finite",
            "Here the first values come out that are infinite or no numbers; everything behind it has them "
            "from here.");
    }

    void dead(int i, const std::vector<int64_t>& channels, int64_t all) {
        if (channels.empty()) return;
        add(i, "dead channels",
            fmt::format(
                "{} of {} channels are 0 for every pixel of every image of the batch ({}): nothing passes "
                "through them, forward or backward.",
                channels.size(), all, list(channels)));
    }

    void dead_after_activation(int i, const CapturedOp& op) {
        const Tensor& y = tensor(op.outputs[0]).value;
        const int64_t channels = y.shape()[-1];
        std::vector<bool> alive(static_cast<size_t>(channels));
        with_values(y, [&](auto values) {
            for (size_t k = 0; k < values.size(); ++k)
                if (values[k] != 0) alive[k % alive.size()] = true;
        });
        std::vector<int64_t> none_alive;
        for (int64_t c = 0; c < channels; ++c)
            if (!alive[static_cast<size_t>(c)]) none_alive.push_back(c);
        dead(i, none_alive, channels);
    }

    /// Fused, the activation's output is never written. Where no element of a channel passed it, its scale and its shift got no
    /// gradient.
    void of_normalize(int i, const CapturedOp& op) {
        const Tensor &d_scale = tensor(op.outputs[0]).gradient, &d_shift = tensor(op.outputs[1]).gradient;
        if (d_scale.defined() && d_shift.defined()) {
            const std::vector<double> scales = d_scale.to_host<double>(), shifts = d_shift.to_host<double>();
            std::vector<int64_t> channels;
            for (size_t c = 0; c < scales.size(); ++c)
                if (scales[c] == 0.0 && shifts[c] == 0.0) channels.push_back(static_cast<int64_t>(c));
            if (!channels.empty())
                add(i, "dead channels",
                    fmt::format(
                        "{} of {} channels get no gradient at all ({}): the activation that is applied as "
                        "this is read lets no element of them pass.",
                        channels.size(), scales.size(), list(channels)));
        }
        if (op.inputs[1] == none) return;  // not its batch's own moments
        const Tensor& m2 = tensor(op.inputs[1]).value;
        const int from = tensor(op.inputs[1]).producer;
        if (from == none) return;
        const Tensor& y = tensor(step_.ops[static_cast<size_t>(from)].outputs[0]).value;
        std::vector<double> variances = m2.to_host<double>();
        for (double& variance : variances)
            variance *= static_cast<double>(m2.count()) / static_cast<double>(y.count());
        variance(i, variances);
    }

    void of_batch_norm(int i, const CapturedOp& op) {
        const Tensor& x = tensor(op.inputs[0]).value;
        const auto channels = static_cast<size_t>(x.shape()[-1]);
        const double rows = static_cast<double>(x.count()) / static_cast<double>(channels);
        std::vector<double> means(channels), variances(channels);
        with_values(x, [&](auto values) {
            for (size_t k = 0; k < values.size(); k += channels)
                for (size_t c = 0; c < channels; ++c) means[c] += static_cast<double>(values[k + c]);
            for (double& mean : means) mean /= rows;
            for (size_t k = 0; k < values.size(); k += channels) {
                for (size_t c = 0; c < channels; ++c) {
                    const double deviation = static_cast<double>(values[k + c]) - means[c];
                    variances[c] += deviation * deviation / rows;
                }
            }
        });
        variance(i, variances);
    }

    void variance(int i, const std::vector<double>& variances) {
        std::vector<int64_t> channels;
        for (size_t c = 0; c < variances.size(); ++c)
            if (variances[c] < tiny_variance) channels.push_back(static_cast<int64_t>(c));
        if (channels.empty()) return;
        add(i, "tiny variance",
            fmt::format(
                "The variance of {} of {} channels is below 1e-5 ({}; the smallest is {:.2g}): ε is most of "
                "what they are divided by, and what is left of them is mostly noise made larger.",
                channels.size(), variances.size(), list(channels), std::ranges::min(variances)));
    }

    void of_loss(int i, const CapturedOp& op) {
        const Tensor& logits = tensor(op.inputs[0]).value;
        const auto classes = static_cast<size_t>(logits.shape()[1]);
        const std::vector<double> values = logits.to_host<double>();
        int64_t saturated = 0;
        const int64_t images = logits.shape()[0];
        for (size_t n = 0; n < static_cast<size_t>(images); ++n) {
            const auto row = std::span(values).subspan(n * classes, classes);
            const double most = std::ranges::max(row);
            double sum = 0.0;
            for (const double logit : row) sum += std::exp(logit - most);
            saturated += 1.0 / sum > sure;
        }
        if (saturated == 0) return;
        add(i, "saturated logits",
            fmt::format("For {} of {} images one class has a probability above {}: right or wrong, softmax "
                        "is so sure "
                        "of it that the gradient is close to 0 or 1/N for all classes.",
                        saturated, images, sure));
    }

    /// Norms of the gradients of all outputs, against that of the logits.
    void gradients() {
        double last = 0.0, before = 0.0;
        for (int i = static_cast<int>(step_.ops.size()) - 1; i >= 0; --i) {
            const CapturedOp& op = step_.ops[static_cast<size_t>(i)];
            const Tensor& gradient = tensor(op.outputs[0]).gradient;
            if (!gradient.defined() || gradient.count() == 1) continue;
            const double size = norm_of(gradient);
            if (last == 0.0) last = before = size;
            if (size == 0.0 && before > 0.0)
                add(i, "vanishing gradient", "The gradient of this output is 0 in every element.");
            const auto crossed = [&](double limit) { return (size > limit) != (before > limit); };
            if (size > last * far_apart && crossed(last * far_apart))
                add(i, "exploding gradient", way("large", size, last));
            if (size > 0.0 && size < last / far_apart && crossed(last / far_apart))
                add(i, "vanishing gradient", way("small", size, last));
            before = size;
        }
    }

    static std::string way(const char* word, double size, double last) {
        return fmt::format(
            "On the way back the norm of the gradient has become {:.3g} times as {} as that of the "
            "logits ({:.2g} against {:.2g}).",
            size > last ? size / last : last / size, word, size, last);
    }

    const CapturedStep& step_;
    std::vector<Trouble> found_;
    bool finite_so_far_ = true;
};

}  // namespace

std::vector<Trouble> troubles_of(const CapturedStep& step) { return Search(step).run(); }

}  // namespace vitrine::inspect

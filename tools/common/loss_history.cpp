// The steps before a bad end: see loss_history.h.

#include "tools/common/loss_history.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

namespace vitrine::tools {
namespace {

constexpr size_t kept_steps = 1000;
constexpr double usual_factor = 2.0;

/// The lower one of two in the middle.
double median(std::vector<double> values) {
    const auto middle = values.begin() + static_cast<std::ptrdiff_t>((values.size() - 1) / 2);
    std::ranges::nth_element(values, middle);
    return *middle;
}

}  // namespace

void LossHistory::add_batch(double loss) {
    loss_sum_ += loss;
    ++batches_;
}

void LossHistory::end_step(int64_t step, double gradient_norm) {
    steps_.push_back({step, std::exchange(loss_sum_, 0.0) / static_cast<double>(std::exchange(batches_, 0)),
                      gradient_norm});
    if (steps_.size() > kept_steps) steps_.pop_front();
}

size_t LossHistory::last_usual() const {
    std::vector<double> before;
    for (const Step& step : steps_) before.push_back(step.loss);
    while (before.size() > 1) {
        const double loss = before.back();
        before.pop_back();
        if (loss <= usual_factor * median(before)) return before.size();
    }
    return 0;
}

std::string LossHistory::told() const {
    if (steps_.empty()) return "";
    const auto shown = [](const Step& step, const char* at) {
        std::string text = fmt::format("{:.3g} at {}{}", step.loss, at, step.number);
        if (!std::isfinite(step.gradient_norm))
            text += " (gradient norm not finite)";
        else if (step.gradient_norm != 0.0)
            text += fmt::format(" (gradient norm {:.3g})", step.gradient_norm);
        return text;
    };
    const size_t usual = last_usual(), last = steps_.size() - 1;
    std::string text = "Before that, the loss was " + shown(steps_[usual], "step ");
    if (usual == last) return text + ", as usual";
    std::vector<size_t> told{usual + 1, (usual + 1 + last) / 2, last};
    told.erase(std::unique(told.begin(), told.end()), told.end());
    for (const size_t i : told) text += (i == last ? " and " : ", ") + shown(steps_[i], "");
    return text;
}

}  // namespace vitrine::tools

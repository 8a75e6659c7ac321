// What a model is judged by: see scores.h.

#include "tools/common/scores.h"

#include <algorithm>
#include <cmath>

namespace vitrine::tools {

int64_t rank_of_label(std::span<const float> logits, int32_t label) {
    if (!std::ranges::all_of(logits, [](float logit) { return std::isfinite(logit); })) return unranked;
    const auto place = static_cast<size_t>(label);
    const float own = logits[place];
    int64_t before = 0;
    for (size_t k = 0; k < place; ++k) before += logits[k] >= own;
    for (size_t k = place + 1; k < logits.size(); ++k) before += logits[k] > own;
    return before;
}

void Scores::add(const StepOutput& output, std::span<const int32_t> labels) {
    const size_t classes = output.logits.size() / labels.size();
    const std::span<const float> logits(output.logits);
    for (size_t i = 0; i < labels.size(); ++i) {
        const int64_t rank = rank_of_label(logits.subspan(i * classes, classes), labels[i]);
        sums_.top1 += rank < 1;
        sums_.top5 += rank < 5;
    }
    sums_.count += static_cast<int64_t>(labels.size());
    sums_.loss += output.loss * static_cast<double>(labels.size());
}

}  // namespace vitrine::tools

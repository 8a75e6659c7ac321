// What a model is judged by: see scores.h.

#include "tools/common/scores.h"

#include <algorithm>

#include "kernels/scores.h"

namespace vitrine::tools {

int64_t rank_of_label(std::span<const float> logits, int32_t label) {
    if (!std::ranges::all_of(logits, is_finite<float>)) return unranked;
    const float own = logits[static_cast<size_t>(label)];
    int64_t before = 0;
    for (size_t k = 0; k < logits.size(); ++k)
        before += comes_before(static_cast<int64_t>(k), logits[k], label, own);
    return before;
}

void Scores::add(const BatchResult& result, int64_t count) {
    sums_.top1 += result.top1;
    sums_.top5 += result.top5;
    sums_.count += count;
    sums_.loss += result.loss * static_cast<double>(count);
}

void Scores::add(const Evaluation& evaluation, std::span<const int32_t> labels) {
    const size_t classes = evaluation.logits.size() / labels.size();
    const std::span<const float> logits(evaluation.logits);
    BatchResult result{.loss = evaluation.loss};
    for (size_t i = 0; i < labels.size(); ++i) {
        const int64_t rank = rank_of_label(logits.subspan(i * classes, classes), labels[i]);
        result.top1 += rank < 1;
        result.top5 += rank < 5;
    }
    add(result, static_cast<int64_t>(labels.size()));
}

}  // namespace vitrine::tools

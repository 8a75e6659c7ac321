// What a batch came to: the ranks of its labels, row by row, then their counts.

#include "kernels/cpu/parallel.h"
#include "kernels/kernels.h"

namespace vitrine::cpu {
namespace {

/// The loops have no exit, so that the compiler makes vectors of them.
template <class T>
int32_t rank_of_label(const T* logits, int64_t classes, int64_t label) {
    const auto logit = [&](int64_t k) { return static_cast<Accumulate<T>>(logits[k]); };
    const auto own = logit(label);
    int32_t before = 0, bad = 0;
    for (int64_t k = 0; k < label; ++k) before += logit(k) >= own;
    for (int64_t k = label + 1; k < classes; ++k) before += logit(k) > own;
    for (int64_t k = 0; k < classes; ++k) bad += !is_finite(logit(k));
    return bad == 0 ? before : unranked;
}

constexpr auto score = all_types([]<class T>(const ScoreBatch& args, Context& context) {
    using A = Accumulate<T>;
    int32_t* ranks = context.scratch.take<int32_t>(args.batch);
    const T* logits = static_cast<const T*>(args.logits);
    const auto chunks = Chunks::of(args.batch, /*smallest=*/16, /*most=*/64);
    parallel_for(chunks.count(), [&](int64_t chunk) {
        for (int64_t row = chunks.begin(chunk); row < chunks.end(chunk); ++row)
            ranks[row] = rank_of_label(logits + row * args.classes, args.classes, args.labels[row]);
    });
    int64_t top1 = 0, top5 = 0;
    for (int64_t row = 0; row < args.batch; ++row) {
        top1 += ranks[row] < 1;
        top5 += ranks[row] < 5;
    }
    const A loss = *static_cast<const A*>(args.loss);
    *static_cast<BatchRecord<A>*>(args.record) = {loss, static_cast<A>(top1), static_cast<A>(top5)};
    if (!is_finite(loss)) static_cast<StepState<A>*>(args.state)->healthy = A(0);
});

constexpr Implementation<ScoreBatch> score_list[]{{"rows", refuses_nothing, score}};

}  // namespace

const Kernel<ScoreBatch> score_batch{"score_batch", score_list};

}  // namespace vitrine::cpu

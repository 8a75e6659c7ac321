// What a batch came to, as plain loops: see kernels/scores.h.

#include "kernels/kernels.h"

namespace vitrine::reference {
namespace {

template <class T>
int64_t rank_of_label(const T* logits, int64_t classes, int64_t label) {
    int64_t rank = 0;
    for (int64_t k = 0; k < classes; ++k) {
        if (!is_finite(double{logits[k]})) return unranked;
        rank += comes_before(k, double{logits[k]}, label, double{logits[label]});
    }
    return rank;
}

constexpr auto score = all_types([]<class T>(const ScoreBatch& args, Context&) {
    using A = Accumulate<T>;
    const T* logits = static_cast<const T*>(args.logits);
    BatchRecord<A> record{*static_cast<const A*>(args.loss), A(0), A(0)};
    for (int64_t row = 0; row < args.batch; ++row) {
        const int64_t rank = rank_of_label(logits + row * args.classes, args.classes, args.labels[row]);
        record.top1 += static_cast<A>(rank < 1);
        record.top5 += static_cast<A>(rank < 5);
    }
    *static_cast<BatchRecord<A>*>(args.record) = record;
    if (!is_finite(record.loss)) static_cast<StepState<A>*>(args.state)->healthy = A(0);
});

constexpr Implementation<ScoreBatch> score_list[]{{"loops", refuses_nothing, score}};

}  // namespace

const Kernel<ScoreBatch> score_batch{"score_batch", score_list};

}  // namespace vitrine::reference

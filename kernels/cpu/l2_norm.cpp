// The norm of all gradients: a partial sum of squares for each chunk, then all of them in order.

#include <cmath>

#include "kernels/cpu/parallel.h"
#include "kernels/kernels.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/l2_norm.cpp"
#include "hwy/foreach_target.h"
#include "kernels/cpu/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace vitrine::cpu::HWY_NAMESPACE {
namespace {

/// Squares that are summed in T before their sum goes on in f64: each lane then adds 128 of them at most.
constexpr int64_t run = 512;

constexpr auto sum_of_squares = computed_types([]<class T>(const L2Norm& args, Range range) HWY_ATTR {
    const T* data = static_cast<const T*>(args.data);
    double sum = 0;
    for (int64_t begin = range.begin; begin < range.end; begin += run) {
        auto squares = hn::Zero(hn::ScalableTag<T>());
        for_each_vector<T>(std::min(run, range.end - begin), [&](auto part, int64_t i) HWY_ATTR {
            const auto x = part.load(data + begin + i);
            squares = hn::MulAdd(x, x, squares);
        });
        sum += double{hn::GetLane(hn::SumOfLanes(hn::ScalableTag<T>(), squares))};
    }
    return sum;
});
double sum_chunk(const L2Norm& args, Range range) { return sum_of_squares(args, range); }

}  // namespace
}  // namespace vitrine::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace vitrine::cpu {
namespace {

HWY_EXPORT(sum_chunk);

constexpr auto norm = computed_types([]<class T>(const L2Norm& args, Context& context) {
    const auto chunks = Chunks::of_elements(args.count);
    double* partials = context.scratch.take<double>(chunks.count());
    parallel_for(chunks.count(), [&](int64_t chunk) {
        partials[chunk] = HWY_DYNAMIC_DISPATCH(sum_chunk)(args, chunks.range(chunk));
    });
    double sum = 0;
    for (int64_t chunk = 0; chunk < chunks.count(); ++chunk) sum += partials[chunk];
    *static_cast<T*>(args.norm) = static_cast<T>(std::sqrt(sum));
});

constexpr Implementation<L2Norm> norm_list[]{{"vector", refuses_nothing, norm}};

}  // namespace

const Kernel<L2Norm> l2_norm{"l2_norm", norm_list};

}  // namespace vitrine::cpu
#endif

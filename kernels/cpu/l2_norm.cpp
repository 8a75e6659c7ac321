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

template <class T>
HWY_ATTR double sum_of_squares(const T* data, int64_t count) {
    double sum = 0;
    for (int64_t begin = 0; begin < count; begin += run) {
        auto squares = hn::Zero(hn::ScalableTag<T>());
        for_each_vector<T>(std::min(run, count - begin), [&](auto part, int64_t i) HWY_ATTR {
            const auto x = part.load(data + begin + i);
            squares = hn::MulAdd(x, x, squares);
        });
        sum += double{hn::GetLane(hn::SumOfLanes(hn::ScalableTag<T>(), squares))};
    }
    return sum;
}

double sum_chunk(DType dtype, const void* data, int64_t begin, int64_t end) {
    return dispatch_float(
        dtype, [&]<class T>() { return sum_of_squares(static_cast<const T*>(data) + begin, end - begin); });
}

}  // namespace
}  // namespace vitrine::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace vitrine::cpu {
namespace {

HWY_EXPORT(sum_chunk);

void run_norm(const L2Norm& args, Context& context) {
    const auto chunks = Chunks::of_elements(args.count);
    double* partials = context.scratch.take<double>(chunks.count());
    parallel_for(chunks.count(), [&](int64_t chunk) {
        partials[chunk] =
            HWY_DYNAMIC_DISPATCH(sum_chunk)(args.dtype, args.data, chunks.begin(chunk), chunks.end(chunk));
    });
    double sum = 0;
    for (int64_t chunk = 0; chunk < chunks.count(); ++chunk) sum += partials[chunk];
    dispatch_float(args.dtype,
                   [&]<class T>() { *static_cast<T*>(args.norm) = static_cast<T>(std::sqrt(sum)); });
}

constexpr Implementation<L2Norm> norm_list[]{{"vector", refuses_nothing, run_norm}};

}  // namespace

const Kernel<L2Norm> l2_norm{"l2_norm", norm_list};

}  // namespace vitrine::cpu
#endif

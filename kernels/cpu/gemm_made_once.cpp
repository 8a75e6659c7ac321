// The left matrix of a product that is cut into columns: what a prologue makes of its pixels, once for all tasks.

#include "kernels/cpu/gemm.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/gemm_made_once.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "kernels/cpu/conv_parts-inl.h"

HWY_BEFORE_NAMESPACE();
namespace vitrine::cpu::HWY_NAMESPACE {

/// `count` pixels from `first` on.
template <class T, class To>
void make_pixels(const RowSource<T>& source, int64_t first, int64_t count, To* made) {
    const int64_t begin = first * source.channels;
    prologue_rows<T, To>({source.pixels + begin, source.channels}, count, source.channels, source.scale,
                         source.shift, source.activation, {made + begin, source.channels});
}

void make_f32(const RowSource<float>& source, int64_t first, int64_t count, float* made) {
    make_pixels(source, first, count, made);
}
void make_f64(const RowSource<double>& source, int64_t first, int64_t count, double* made) {
    make_pixels(source, first, count, made);
}
/// Only tile registers multiply these.
void make_bf16(const RowSource<bf16>& source, int64_t first, int64_t count, bf16* made) {
    make_pixels(source, first, count, native(made));
}

}  // namespace vitrine::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace vitrine::cpu {
namespace {

HWY_EXPORT(make_f32);
HWY_EXPORT(make_f64);
HWY_EXPORT(make_bf16);

void make_pixels(const RowSource<float>& source, int64_t first, int64_t count, float* made) {
    HWY_DYNAMIC_DISPATCH(make_f32)(source, first, count, made);
}
void make_pixels(const RowSource<double>& source, int64_t first, int64_t count, double* made) {
    HWY_DYNAMIC_DISPATCH(make_f64)(source, first, count, made);
}
void make_pixels(const RowSource<bf16>& source, int64_t first, int64_t count, bf16* made) {
    HWY_DYNAMIC_DISPATCH(make_bf16)(source, first, count, made);
}

}  // namespace

template <class T>
RowSource<T> made_once(const RowSource<T>& source, int64_t tasks, Context& context) {
    constexpr int64_t worth_it = 3;  // of two, each would write half as much
    if (source.plain() || tasks < worth_it || source.group_channels != source.channels) return source;
    const int64_t pixels = source.batch * source.in.height * source.in.width;
    T* made = context.scratch.take<T>(pixels * source.channels);
    for_each_chunk(Chunks{pixels, ceil_divide(int64_t{1} << 14, source.channels)},
                   [&](Range range) { make_pixels(source, range.begin, range.count(), made); });
    RowSource<T> rows = source;
    rows.pixels = made;
    rows.scale = rows.shift = nullptr;
    rows.activation = Activation::identity;
    return rows;
}

template RowSource<float> made_once(const RowSource<float>&, int64_t, Context&);
template RowSource<double> made_once(const RowSource<double>&, int64_t, Context&);
template RowSource<bf16> made_once(const RowSource<bf16>&, int64_t, Context&);

}  // namespace vitrine::cpu
#endif

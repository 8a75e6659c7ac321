// The prologue and the epilogue as passes of their own, around a convolution that knows neither.

#include "kernels/cpu/conv_parts.h"

#include "kernels/cpu/channel_sums.h"
#include "kernels/cpu/parallel.h"
#include "kernels/kernels.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/conv_parts.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "kernels/cpu/conv_parts-inl.h"

#ifndef VITRINE_KERNELS_CPU_CONV_PARTS_ROWS
#define VITRINE_KERNELS_CPU_CONV_PARTS_ROWS
namespace vitrine::cpu {

/// Consecutive rows of `channels` values; what the pointers mean is said beside each function below.
template <class T>
struct Rows {
    int64_t count;
    int64_t channels;
    const T* first;
    const T* second;
    const T* per_channel[3];
    Activation activation;
    T* out;
    T* sums[2];
    bool accumulate;
};

}  // namespace vitrine::cpu
#endif

HWY_BEFORE_NAMESPACE();
namespace vitrine::cpu::HWY_NAMESPACE {

/// out = the prologue of first; per_channel: scale, shift.
template <class T>
void apply_prologue(const Rows<T>& rows) {
    prologue_rows<T>({rows.first, rows.channels}, rows.count, rows.channels, rows.per_channel[0],
                     rows.per_channel[1], rows.activation, {rows.out, rows.channels});
}

/// sums: mean and m2 of first.
template <class T>
void statistics_rows(const Rows<T>& rows) {
    column_statistics(rows.first, rows.count, rows.channels, rows.channels, rows.sums[0], rows.sums[1]);
}

/// sums[0]: the sums of first.
template <class T>
void sum_rows(const Rows<T>& rows) {
    column_sums(rows.first, rows.count, rows.channels, rows.channels, rows.sums[0]);
}

/// out = first (d_y) plus the epilogue's part, second being y; per_channel: level, slope, mean.
template <class T>
void apply_epilogue_gradient(const Rows<T>& rows) {
    epilogue_gradient_rows(rows.first, rows.second, rows.count, rows.per_channel[0], rows.per_channel[1],
                           rows.per_channel[2], rows.channels, rows.out);
}

/// out = d_x (null: unwanted) from first = x and second = d_a; sums of d_u · x and of d_u; per_channel:
/// scale, shift.
template <class T>
void apply_prologue_gradient(const Rows<T>& rows) {
    for (T* sums : rows.sums) {
        for (int64_t c = 0; c < rows.channels; ++c) sums[c] = T(0);
    }
    prologue_gradient_rows<T>({rows.first, rows.channels}, {rows.second, rows.channels}, rows.count,
                              rows.channels, rows.per_channel[0], rows.per_channel[1], rows.activation,
                              {{rows.out, rows.channels}, rows.accumulate, rows.sums[0], rows.sums[1]});
}

#define VITRINE_FOR_BOTH(name)                               \
    void name##_f32(const Rows<float>& rows) { name(rows); } \
    void name##_f64(const Rows<double>& rows) { name(rows); }
VITRINE_FOR_BOTH(apply_prologue)
VITRINE_FOR_BOTH(statistics_rows)
VITRINE_FOR_BOTH(sum_rows)
VITRINE_FOR_BOTH(apply_epilogue_gradient)
VITRINE_FOR_BOTH(apply_prologue_gradient)
#undef VITRINE_FOR_BOTH

}  // namespace vitrine::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace vitrine::cpu {
namespace {

#define VITRINE_FOR_BOTH(name)                                                     \
    HWY_EXPORT(name##_f32);                                                        \
    HWY_EXPORT(name##_f64);                                                        \
    void name(const Rows<float>& rows) { HWY_DYNAMIC_DISPATCH(name##_f32)(rows); } \
    void name(const Rows<double>& rows) { HWY_DYNAMIC_DISPATCH(name##_f64)(rows); }
VITRINE_FOR_BOTH(apply_prologue)
VITRINE_FOR_BOTH(statistics_rows)
VITRINE_FOR_BOTH(sum_rows)
VITRINE_FOR_BOTH(apply_epilogue_gradient)
VITRINE_FOR_BOTH(apply_prologue_gradient)
#undef VITRINE_FOR_BOTH

/// A chunk of rows stays in the L2 cache, and its sums in T stay accurate.
Chunks row_chunks(int64_t rows, int64_t channels) {
    constexpr int64_t elements = 16384;
    return {rows, std::max<int64_t>(1, elements / channels)};
}

template <class T>
const T* typed(const void* data) {
    return static_cast<const T*>(data);
}

template <class T>
T* at(T* data, int64_t offset) {
    return data == nullptr ? nullptr : data + offset;
}

/// Calls rows_function for every chunk of `count` rows; `whole` describes all rows, its sums one chunk's
/// after another.
template <class T>
int64_t over_chunks(const Rows<T>& whole, void (*rows_function)(const Rows<T>&)) {
    const Chunks chunks = row_chunks(whole.count, whole.channels);
    parallel_for(chunks.count(), [&](int64_t chunk) {
        const int64_t offset = chunks.begin(chunk) * whole.channels;
        Rows<T> part = whole;
        part.count = chunks.end(chunk) - chunks.begin(chunk);
        part.first = at(whole.first, offset);
        part.second = at(whole.second, offset);
        part.out = at(whole.out, offset);
        for (T*& sums : part.sums) sums = at(sums, chunk * whole.channels);
        rows_function(part);
    });
    return chunks.count();
}

template <class T>
T* take_partial_sums(Context& context, int64_t rows, int64_t channels) {
    return context.scratch.take<T>(row_chunks(rows, channels).count() * channels);
}

/// a = prologue(x), in scratch; x itself if the prologue is plain.
template <class T>
const void* through_prologue(const ConvShape& shape, const void* x, const Prologue& prologue,
                             Context& context) {
    if (prologue.plain()) return x;
    if (!is_clamp(prologue.activation)) {
        const void* u = through_prologue<T>(shape, x, before_curve(prologue), context);
        return through_curve<activation_forward, T>(shape, u, prologue.activation, context);
    }
    Rows<T> rows{};
    rows.count = shape.in_pixels();
    rows.channels = shape.in_channels;
    rows.first = typed<T>(x);
    rows.per_channel[0] = typed<T>(prologue.scale);
    rows.per_channel[1] = typed<T>(prologue.shift);
    rows.activation = prologue.activation;
    rows.out = context.scratch.take<T>(rows.count * rows.channels);
    over_chunks<T>(rows, apply_prologue);
    return rows.out;
}

template <class T>
void statistics(const ConvForward& args, Context& context) {
    const int64_t channels = args.shape.out_channels;
    Rows<T> rows{};
    rows.count = args.shape.out_pixels();
    rows.channels = channels;
    rows.first = typed<T>(args.y);
    for (T*& sums : rows.sums) sums = take_partial_sums<T>(context, rows.count, channels);
    over_chunks<T>(rows, statistics_rows);
    const Chunks chunks = row_chunks(rows.count, channels);
    combine_statistics(rows.sums[0], rows.sums[1], chunks, channels, channels,
                       static_cast<T*>(args.epilogue.mean), static_cast<T*>(args.epilogue.m2));
}

/// g = d_y plus the epilogue's part, in scratch; d_y itself if there is none.
template <class T>
const void* through_epilogue(const ConvBackward& args, Context& context) {
    if (args.d_mean == nullptr && args.d_m2 == nullptr) return args.d_y;
    const int64_t channels = args.shape.out_channels;
    Rows<T> rows{};
    rows.count = args.shape.out_pixels();
    rows.channels = channels;
    rows.first = typed<T>(args.d_y);
    rows.second = typed<T>(args.y);
    T* level = context.scratch.take<T>(channels);
    T* slope = context.scratch.take<T>(channels);
    epilogue_coefficients(args, level, slope);
    rows.per_channel[0] = level;
    rows.per_channel[1] = slope;
    rows.per_channel[2] = typed<T>(args.mean);
    rows.out = context.scratch.take<T>(rows.count * channels);
    over_chunks<T>(rows, apply_epilogue_gradient);
    return rows.out;
}

template <class T>
void sum_bias_gradient(const ConvBackward& args, const void* g, Context& context) {
    const int64_t channels = args.shape.out_channels;
    Rows<T> rows{};
    rows.count = args.shape.out_pixels();
    rows.channels = channels;
    rows.first = typed<T>(g);
    rows.sums[0] = take_partial_sums<T>(context, rows.count, channels);
    const int64_t chunks = over_chunks<T>(rows, sum_rows);
    combine_sums(rows.sums[0], chunks, channels, channels, args.d_bias);
}

template <class T>
void prologue_gradient(const ConvBackward& args, const T* d_a, Context& context) {
    if (!is_clamp(args.prologue.activation)) {
        ConvBackward affine = args;
        affine.prologue = before_curve(args.prologue);
        const void* u = through_prologue<T>(args.shape, args.x, affine.prologue, context);
        const T* d_u =
            curve_gradient<activation_backward, T>(args.shape, u, d_a, args.prologue.activation, context);
        return prologue_gradient<T>(affine, d_u, context);
    }
    const int64_t channels = args.shape.in_channels;
    Rows<T> rows{};
    rows.count = args.shape.in_pixels();
    rows.channels = channels;
    rows.first = typed<T>(args.x);
    rows.second = d_a;
    rows.per_channel[0] = typed<T>(args.prologue.scale);
    rows.per_channel[1] = typed<T>(args.prologue.shift);
    rows.activation = args.prologue.activation;
    rows.out = static_cast<T*>(args.d_x.data);
    rows.accumulate = args.d_x.mode == GradMode::accumulate;
    for (T*& sums : rows.sums) sums = take_partial_sums<T>(context, rows.count, channels);
    const int64_t chunks = over_chunks<T>(rows, apply_prologue_gradient);
    if (args.d_scale) combine_sums(rows.sums[0], chunks, channels, channels, args.d_scale);
    if (args.d_shift) combine_sums(rows.sums[1], chunks, channels, channels, args.d_shift);
}

template <class T>
void forward(const ConvForward& args, Context& context, void (*plain)(const ConvForward&, Context&)) {
    ConvForward inner = args;
    inner.x = through_prologue<T>(args.shape, args.x, args.prologue, context);
    inner.prologue = {};
    inner.epilogue = {};
    plain(inner, context);
    if (!args.epilogue.plain()) statistics<T>(args, context);
}

template <class T>
void backward(const ConvBackward& args, Context& context, void (*plain)(const ConvBackward&, Context&)) {
    ConvBackward inner = args;
    inner.d_y = through_epilogue<T>(args, context);
    inner.y = inner.mean = inner.d_mean = inner.d_m2 = nullptr;
    if (args.d_bias) sum_bias_gradient<T>(args, inner.d_y, context);
    inner.d_bias = {};

    const bool through = !args.prologue.plain() && (args.d_x || args.d_scale || args.d_shift);
    if (args.d_weight) inner.x = through_prologue<T>(args.shape, args.x, args.prologue, context);
    inner.prologue = {};
    inner.d_scale = inner.d_shift = {};
    T* d_a = through ? context.scratch.take<T>(args.shape.in_pixels() * args.shape.in_channels) : nullptr;
    if (through) inner.d_x = {d_a, GradMode::write};
    if (inner.d_x || inner.d_weight) plain(inner, context);
    if (through) prologue_gradient<T>(args, d_a, context);
}

}  // namespace

void forward_around(const ConvForward& args, Context& context, void (*plain)(const ConvForward&, Context&)) {
    dispatch_float(args.dtype, [&]<class T>() { forward<T>(args, context, plain); });
}

void backward_around(const ConvBackward& args, Context& context,
                     void (*plain)(const ConvBackward&, Context&)) {
    dispatch_float(args.dtype, [&]<class T>() { backward<T>(args, context, plain); });
}

void bias_gradient(const ConvBackward& args, const void* g, Context& context) {
    dispatch_float(args.dtype, [&]<class T>() { sum_bias_gradient<T>(args, g, context); });
}

const void* gradient_through_epilogue(const ConvBackward& args, Context& context) {
    return dispatch_float(args.dtype, [&]<class T>() { return through_epilogue<T>(args, context); });
}

}  // namespace vitrine::cpu
#endif

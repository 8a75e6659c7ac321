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

/// Consecutive rows of `channels` values; what the pointers mean is said beside each function below. T is what tensors
/// are stored in; what is made on the way is wide.
template <class T>
struct Rows {
    using Wide = Accumulate<T>;
    int64_t count;
    int64_t channels;
    const T* first;
    const T* second;
    const Wide* wide;
    const Wide* per_channel[3];
    Activation activation;
    T* out;
    Wide* wide_out;
    Wide* sums[2];
    bool accumulate;
};

/// The passes below: those over tensors in every type that these are stored in, and those over what is computed wide.
#define VITRINE_PASSES(FOR) \
    FOR(apply_prologue) FOR(apply_epilogue_gradient) FOR(apply_prologue_gradient) FOR(narrow_rows)
#define VITRINE_WIDE_PASSES(FOR) FOR(statistics_rows) FOR(sum_rows)

}  // namespace vitrine::cpu
#endif

HWY_BEFORE_NAMESPACE();
namespace vitrine::cpu::HWY_NAMESPACE {

/// wide_out = the prologue of first; per_channel: scale, shift.
template <class T>
void apply_prologue(const Rows<T>& rows) {
    prologue_rows<T, Accumulate<T>>({rows.first, rows.channels}, rows.count, rows.channels,
                                    rows.per_channel[0], rows.per_channel[1], rows.activation,
                                    {rows.wide_out, rows.channels});
}

/// sums: mean and m2 of wide.
template <class T>
void statistics_rows(const Rows<T>& rows) {
    column_statistics(rows.wide, rows.count, rows.channels, rows.channels, rows.sums[0], rows.sums[1]);
}

/// sums[0]: the sums of wide.
template <class T>
void sum_rows(const Rows<T>& rows) {
    column_sums(rows.wide, rows.count, rows.channels, rows.channels, rows.sums[0]);
}

/// wide_out = first (d_y) plus the epilogue's part, second being y; per_channel: level, slope, mean.
template <class T>
void apply_epilogue_gradient(const Rows<T>& rows) {
    epilogue_gradient_rows<T, Accumulate<T>>(
        {rows.first, rows.channels}, {rows.second, rows.channels}, rows.count, rows.per_channel[0],
        rows.per_channel[1], rows.per_channel[2], rows.channels, {rows.wide_out, rows.channels});
}

/// out = d_x (null: unwanted) from first = x and wide = d_a; sums of d_u · x and of d_u; per_channel: scale, shift.
template <class T>
void apply_prologue_gradient(const Rows<T>& rows) {
    for (Accumulate<T>* sums : rows.sums) {
        for (int64_t c = 0; c < rows.channels; ++c) sums[c] = 0;
    }
    prologue_gradient_rows<T, Accumulate<T>>(
        {rows.first, rows.channels}, {rows.wide, rows.channels}, rows.count, rows.channels,
        rows.per_channel[0], rows.per_channel[1], rows.activation,
        {{rows.out, rows.channels}, rows.accumulate, rows.sums[0], rows.sums[1]});
}

/// out = wide, rounded, or added.
template <class T>
void narrow_rows(const Rows<T>& rows) {
    for_each_vector<Accumulate<T>>(rows.count * rows.channels, [&](auto part, int64_t i) HWY_ATTR {
        const auto value = part.load(rows.wide + i);
        part.store(rows.accumulate ? hn::Add(value, part.load(rows.out + i)) : value, rows.out + i);
    });
}

#define VITRINE_FOR_ALL(name)                                 \
    void name##_f32(const Rows<float>& rows) { name(rows); }  \
    void name##_f64(const Rows<double>& rows) { name(rows); } \
    void name##_bf16(const Rows<bf16>& rows) { name(rows); }  \
    void name##_f16(const Rows<f16>& rows) { name(rows); }
VITRINE_PASSES(VITRINE_FOR_ALL)
#undef VITRINE_FOR_ALL

#define VITRINE_FOR_WIDE(name)                               \
    void name##_f32(const Rows<float>& rows) { name(rows); } \
    void name##_f64(const Rows<double>& rows) { name(rows); }
VITRINE_WIDE_PASSES(VITRINE_FOR_WIDE)
#undef VITRINE_FOR_WIDE

}  // namespace vitrine::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace vitrine::cpu {
namespace {

#define VITRINE_FOR_ALL(name)                                                       \
    HWY_EXPORT(name##_f32);                                                         \
    HWY_EXPORT(name##_f64);                                                         \
    HWY_EXPORT(name##_bf16);                                                        \
    HWY_EXPORT(name##_f16);                                                         \
    void name(const Rows<float>& rows) { HWY_DYNAMIC_DISPATCH(name##_f32)(rows); }  \
    void name(const Rows<double>& rows) { HWY_DYNAMIC_DISPATCH(name##_f64)(rows); } \
    void name(const Rows<bf16>& rows) { HWY_DYNAMIC_DISPATCH(name##_bf16)(rows); }  \
    void name(const Rows<f16>& rows) { HWY_DYNAMIC_DISPATCH(name##_f16)(rows); }
VITRINE_PASSES(VITRINE_FOR_ALL)
#undef VITRINE_FOR_ALL

#define VITRINE_FOR_WIDE(name)                                                     \
    HWY_EXPORT(name##_f32);                                                        \
    HWY_EXPORT(name##_f64);                                                        \
    void name(const Rows<float>& rows) { HWY_DYNAMIC_DISPATCH(name##_f32)(rows); } \
    void name(const Rows<double>& rows) { HWY_DYNAMIC_DISPATCH(name##_f64)(rows); }
VITRINE_WIDE_PASSES(VITRINE_FOR_WIDE)
#undef VITRINE_FOR_WIDE

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
        part.wide = at(whole.wide, offset);
        part.out = at(whole.out, offset);
        part.wide_out = at(whole.wide_out, offset);
        for (Accumulate<T>*& sums : part.sums) sums = at(sums, chunk * whole.channels);
        rows_function(part);
    });
    return chunks.count();
}

template <class T>
Rows<T> rows_of(int64_t count, int64_t channels) {
    Rows<T> rows{};
    rows.count = count;
    rows.channels = channels;
    return rows;
}

template <class T>
T* take_partial_sums(Context& context, int64_t rows, int64_t channels) {
    return context.scratch.take<T>(row_chunks(rows, channels).count() * channels);
}

/// Elements in the type that is computed in: those themselves where they are.
template <class T>
const Accumulate<T>* widened(const void* from, int64_t count, int64_t channels, Context& context) {
    if constexpr (!is_half_type<T>) {
        return typed<T>(from);
    } else {
        Rows<T> rows = rows_of<T>(count / channels, channels);
        rows.first = typed<T>(from);
        rows.wide_out = context.scratch.take<Accumulate<T>>(count);
        over_chunks<T>(rows, apply_prologue);
        return rows.wide_out;
    }
}

/// a = prologue(x), in scratch; x itself if the prologue is plain and x can be computed with.
template <class T>
const Accumulate<T>* through_prologue(const ConvShape& shape, const void* x, const Prologue& prologue,
                                      Context& context) {
    using A = Accumulate<T>;
    const int64_t count = shape.in_pixels() * shape.in_channels;
    if (prologue.plain()) return widened<T>(x, count, shape.in_channels, context);
    if (!is_clamp(prologue.activation)) {
        const A* u = through_prologue<T>(shape, x, before_curve(prologue), context);
        return through_curve<activation_forward, A>(shape, u, prologue.activation, context);
    }
    Rows<T> rows = rows_of<T>(shape.in_pixels(), shape.in_channels);
    rows.first = typed<T>(x);
    rows.per_channel[0] = typed<A>(prologue.scale);
    rows.per_channel[1] = typed<A>(prologue.shift);
    rows.activation = prologue.activation;
    rows.wide_out = context.scratch.take<A>(count);
    over_chunks<T>(rows, apply_prologue);
    return rows.wide_out;
}

template <class A>
void statistics(const ConvForward& args, const A* y, Context& context) {
    const int64_t channels = args.shape.out_channels;
    Rows<A> rows = rows_of<A>(args.shape.out_pixels(), channels);
    rows.wide = y;
    for (A*& sums : rows.sums) sums = take_partial_sums<A>(context, rows.count, channels);
    over_chunks<A>(rows, statistics_rows);
    const Chunks chunks = row_chunks(rows.count, channels);
    combine_statistics(rows.sums[0], rows.sums[1], chunks, channels, channels,
                       static_cast<A*>(args.epilogue.mean), static_cast<A*>(args.epilogue.m2));
}

/// g = d_y plus the epilogue's part, in scratch.
template <class T>
const Accumulate<T>* through_epilogue(const ConvBackward& args, Context& context) {
    using A = Accumulate<T>;
    const int64_t channels = args.shape.out_channels;
    Rows<T> rows = rows_of<T>(args.shape.out_pixels(), channels);
    rows.first = typed<T>(args.d_y);
    rows.second = typed<T>(args.y);
    A* level = context.scratch.take<A>(channels);
    A* slope = context.scratch.take<A>(channels);
    epilogue_coefficients(args, level, slope);
    rows.per_channel[0] = level;
    rows.per_channel[1] = slope;
    rows.per_channel[2] = typed<A>(args.mean);
    rows.wide_out = context.scratch.take<A>(rows.count * channels);
    over_chunks<T>(rows, apply_epilogue_gradient);
    return rows.wide_out;
}

template <class A>
void sum_bias_gradient(const ConvBackward& args, const void* g, Context& context) {
    const int64_t channels = args.shape.out_channels;
    Rows<A> rows = rows_of<A>(args.shape.out_pixels(), channels);
    rows.wide = typed<A>(g);
    rows.sums[0] = take_partial_sums<A>(context, rows.count, channels);
    const int64_t chunks = over_chunks<A>(rows, sum_rows);
    combine_sums(rows.sums[0], chunks, channels, channels, args.d_bias);
}

template <class T>
void prologue_gradient(const ConvBackward& args, const Accumulate<T>* d_a, Context& context) {
    using A = Accumulate<T>;
    if (!is_clamp(args.prologue.activation)) {
        ConvBackward affine = args;
        affine.prologue = before_curve(args.prologue);
        const A* u = through_prologue<T>(args.shape, args.x, affine.prologue, context);
        const A* d_u =
            curve_gradient<activation_backward, A>(args.shape, u, d_a, args.prologue.activation, context);
        return prologue_gradient<T>(affine, d_u, context);
    }
    const int64_t channels = args.shape.in_channels;
    Rows<T> rows = rows_of<T>(args.shape.in_pixels(), channels);
    rows.first = typed<T>(args.x);
    rows.wide = d_a;
    rows.per_channel[0] = typed<A>(args.prologue.scale);
    rows.per_channel[1] = typed<A>(args.prologue.shift);
    rows.activation = args.prologue.activation;
    rows.out = static_cast<T*>(args.d_x.data);
    rows.accumulate = args.d_x.mode == GradMode::accumulate;
    for (A*& sums : rows.sums) sums = take_partial_sums<A>(context, rows.count, channels);
    const int64_t chunks = over_chunks<T>(rows, apply_prologue_gradient);
    if (args.d_scale) combine_sums(rows.sums[0], chunks, channels, channels, args.d_scale);
    if (args.d_shift) combine_sums(rows.sums[1], chunks, channels, channels, args.d_shift);
}

/// What was computed wide, into a tensor.
template <class T>
void narrow(const Accumulate<T>* from, int64_t count, int64_t channels, const Gradient& to) {
    Rows<T> rows = rows_of<T>(count / channels, channels);
    rows.wide = from;
    rows.out = static_cast<T*>(to.data);
    rows.accumulate = to.mode == GradMode::accumulate;
    over_chunks<T>(rows, narrow_rows);
}

template <class T>
void forward(const ConvForward& args, Context& context, void (*plain)(const ConvForward&, Context&)) {
    using A = Accumulate<T>;
    const ConvShape& shape = args.shape;
    const int64_t count = shape.out_pixels() * shape.out_channels;
    ConvForward inner = args;
    inner.dtype = dtype_of<A>;
    inner.x = through_prologue<T>(shape, args.x, args.prologue, context);
    inner.weight = widened<T>(args.weight, shape.weight_count(), shape.out_channels, context);
    inner.prologue = {};
    inner.epilogue = {};
    if (is_half_type<T>) inner.y = context.scratch.take<A>(count);
    plain(inner, context);
    const A* y = static_cast<const A*>(inner.y);
    if (!args.epilogue.plain()) statistics<A>(args, y, context);
    if (is_half_type<T>) narrow<T>(y, count, shape.out_channels, {args.y});
}

template <class T>
const Accumulate<T>* wide_gradient(const ConvBackward& args, Context& context) {
    const ConvShape& shape = args.shape;
    if (changes_gradient(args)) return through_epilogue<T>(args, context);
    return widened<T>(args.d_y, shape.out_pixels() * shape.out_channels, shape.out_channels, context);
}

template <class T>
void backward(const ConvBackward& args, Context& context, void (*plain)(const ConvBackward&, Context&)) {
    using A = Accumulate<T>;
    const ConvShape& shape = args.shape;
    const int64_t count = shape.in_pixels() * shape.in_channels;
    ConvBackward inner = args;
    inner.dtype = dtype_of<A>;
    inner.d_y = wide_gradient<T>(args, context);
    inner.y = inner.mean = inner.d_mean = inner.d_m2 = nullptr;
    if (args.d_bias) sum_bias_gradient<A>(args, inner.d_y, context);
    inner.d_bias = {};

    const bool through = !args.prologue.plain() && (args.d_x || args.d_scale || args.d_shift);
    if (args.d_weight) inner.x = through_prologue<T>(shape, args.x, args.prologue, context);
    inner.weight = widened<T>(args.weight, shape.weight_count(), shape.out_channels, context);
    inner.prologue = {};
    inner.d_scale = inner.d_shift = {};
    const bool in_scratch = through || (is_half_type<T> && args.d_x);
    A* d_a = in_scratch ? context.scratch.take<A>(count) : nullptr;
    if (in_scratch) inner.d_x = {d_a, GradMode::write};
    if (inner.d_x || inner.d_weight) plain(inner, context);
    if (through) {
        prologue_gradient<T>(args, d_a, context);
    } else if (in_scratch) {
        narrow<T>(d_a, count, shape.in_channels, args.d_x);
    }
}

}  // namespace

void forward_around(const ConvForward& args, Context& context, void (*plain)(const ConvForward&, Context&)) {
    dispatch_storage(args.dtype, [&]<class T>() { forward<T>(args, context, plain); });
}

void backward_around(const ConvBackward& args, Context& context,
                     void (*plain)(const ConvBackward&, Context&)) {
    dispatch_storage(args.dtype, [&]<class T>() { backward<T>(args, context, plain); });
}

void bias_gradient(const ConvBackward& args, const void* g, Context& context) {
    dispatch_float(accumulate_of(args.dtype), [&]<class A>() { sum_bias_gradient<A>(args, g, context); });
}

const void* gradient_through_epilogue(const ConvBackward& args, Context& context) {
    if (!changes_gradient(args)) return args.d_y;
    return dispatch_storage(args.dtype,
                            [&]<class T>() -> const void* { return through_epilogue<T>(args, context); });
}

}  // namespace vitrine::cpu
#endif

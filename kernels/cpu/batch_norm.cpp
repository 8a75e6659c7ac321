// Batch norm: one pass for the sums over rows and one for the result, forward and backward.
//
// A pass is as fast as memory: the sums of a block of rows are finished while the block is in the cache, so
// that the statistics can be taken around their true mean (never as E[x²] − E[x]²) and still read x once.

#include <cmath>

#include "kernels/cpu/channel_sums.h"
#include "kernels/cpu/onednn/onednn.h"
#include "kernels/cpu/parallel.h"
#include "kernels/cpu/per_thread.h"
#include "kernels/kernels.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/batch_norm.cpp"
#include "hwy/foreach_target.h"
#include "kernels/cpu/channel_reduce-inl.h"
#include "kernels/cpu/simd-inl.h"

#ifndef VITRINE_KERNELS_CPU_BATCH_NORM_ONCE
#define VITRINE_KERNELS_CPU_BATCH_NORM_ONCE
namespace vitrine::cpu {
namespace {

/// Rows of about 128 KiB, which stay in the second-level cache between two readings.
Chunks blocks_of(int64_t rows, int64_t row_bytes) {
    return {rows, std::max<int64_t>(4, (int64_t{128} << 10) / row_bytes)};
}

/// Rows begin … end − 1 of a batch norm.
struct RowRange {
    int64_t begin;
    int64_t end;

    int64_t count() const { return end - begin; }
};

/// What backward adds up for a channel: Σ d_y and Σ d_y · (x − mean).
struct GradientSums {
    double d_y = 0;
    double d_y_centred = 0;
};

/// The passes over rows below, compiled for one instruction set and one type.
template <class T>
struct BatchNormPasses {
    using A = Accumulate<T>;
    void (*statistics)(const BatchNormForward& args, RowRange rows, A* work, Statistics* sums);
    void (*normalise)(const BatchNormForward& args, RowRange rows, const A* scale);
    void (*gradient_sums)(const BatchNormBackward& args, RowRange rows, A* work, GradientSums* totals);
    void (*input_gradient)(const BatchNormBackward& args, RowRange rows, const A* scale, const A* slope,
                           const A* level);
};

}  // namespace
}  // namespace vitrine::cpu
#endif

HWY_BEFORE_NAMESPACE();
namespace vitrine::cpu::HWY_NAMESPACE {
namespace {

template <class T>
void statistics(const BatchNormForward& args, RowRange rows, Accumulate<T>* work, Statistics* sums) {
    const int64_t channels = args.channels;
    const T* x = static_cast<const T*>(args.x) + rows.begin * channels;
    const auto blocks = blocks_of(rows.count(), channels * static_cast<int64_t>(sizeof(T)));
    for (int64_t block = 0; block < blocks.count(); ++block) {
        const int64_t begin = blocks.begin(block);
        add_statistics(x + begin * channels, blocks.end(block) - begin, channels, work, begin, sums);
    }
}

/// y = (x − mean) · scale + bias. Subtracting the mean first costs nothing here and loses no digits where it
/// is large.
template <class T>
HWY_ATTR void normalise(const BatchNormForward& args, RowRange rows, const Accumulate<T>* scale) {
    using A = Accumulate<T>;
    const int64_t channels = args.channels;
    const T* x = static_cast<const T*>(args.x) + rows.begin * channels;
    const A* mean = static_cast<const A*>(args.mean);
    const A* bias = static_cast<const A*>(args.bias);
    T* y = static_cast<T*>(args.y) + rows.begin * channels;
    const bool streams = args.y != args.x && streams_rows(static_cast<const T*>(args.y), args.rows, channels);
    for_each_row_group<T>(rows.count(), channels, [=](int64_t row, auto group) HWY_ATTR {
        const int64_t first = row * channels;
        for_each_vector<A>(channels, [=](auto part, int64_t c) HWY_ATTR {
            const auto middle = part.load(mean + c), factor = part.load(scale + c),
                       offset = part.load(bias + c);
            for (int64_t k = 0; k < group.value; ++k) {
                const int64_t i = first + k * channels + c;
                const auto value = hn::MulAdd(hn::Sub(part.load(x + i), middle), factor, offset);
                if (streams) {
                    part.stream(value, y + i);
                } else {
                    part.store(value, y + i);
                }
            }
        });
    });
    if (streams) hwy::FlushStream();
}

/// sums[c] += Σ d_y,  products[c] += Σ d_y · (x − mean).
template <class T>
HWY_ATTR void add_gradient_columns(const BatchNormBackward& args, RowRange rows, Accumulate<T>* sums,
                                   Accumulate<T>* products) {
    using A = Accumulate<T>;
    const int64_t channels = args.channels;
    const T* x = static_cast<const T*>(args.x) + rows.begin * channels;
    const T* d_y = static_cast<const T*>(args.d_y) + rows.begin * channels;
    const A* mean = static_cast<const A*>(args.mean);
    for_each_row_group<T>(rows.count(), channels, [=](int64_t row, auto group) HWY_ATTR {
        const int64_t first = row * channels;
        for_each_vector<A>(channels, [=](auto part, int64_t c) HWY_ATTR {
            const auto middle = part.load(mean + c);
            auto sum = part.load(sums + c), product = part.load(products + c);
            for (int64_t k = 0; k < group.value; ++k) {
                const int64_t i = first + k * channels + c;
                const auto gradient = part.load(d_y + i);
                sum = hn::Add(sum, gradient);
                product = hn::MulAdd(gradient, hn::Sub(part.load(x + i), middle), product);
            }
            part.store(sum, sums + c);
            part.store(product, products + c);
        });
    });
}

/// The sums of a block are taken in A, those of the blocks in f64.
template <class T>
void gradient_sums(const BatchNormBackward& args, RowRange rows, Accumulate<T>* work, GradientSums* totals) {
    using A = Accumulate<T>;
    const int64_t channels = args.channels;
    A *sums = work, *products = work + channels;
    const auto blocks = blocks_of(rows.count(), channels * static_cast<int64_t>(sizeof(T)));
    for (int64_t block = 0; block < blocks.count(); ++block) {
        std::fill(work, work + 2 * channels, A(0));
        const RowRange range{rows.begin + blocks.begin(block), rows.begin + blocks.end(block)};
        add_gradient_columns<T>(args, range, sums, products);
        for (int64_t c = 0; c < channels; ++c) {
            totals[c].d_y += static_cast<double>(sums[c]);
            totals[c].d_y_centred += static_cast<double>(products[c]);
        }
    }
}

/// d_x = scale · d_y + slope · (x − mean) + level.
template <class T>
HWY_ATTR void input_gradient(const BatchNormBackward& args, RowRange rows, const Accumulate<T>* scale,
                             const Accumulate<T>* slope, const Accumulate<T>* level) {
    using A = Accumulate<T>;
    const int64_t channels = args.channels;
    const T* x = static_cast<const T*>(args.x);
    const T* d_y = static_cast<const T*>(args.d_y);
    const A* mean = static_cast<const A*>(args.mean);
    const VectorGradient<T> d_x(args.d_x);
    const bool streams = args.d_x.mode == GradMode::write && args.d_x.data != args.d_y &&
                         streams_rows(static_cast<const T*>(args.d_x.data), args.rows, channels);
    for_each_row_group<T>(rows.count(), channels, [=, &args](int64_t row, auto group) HWY_ATTR {
        const int64_t first = (rows.begin + row) * channels;
        for_each_vector<A>(channels, [=, &args](auto part, int64_t c) HWY_ATTR {
            const auto middle = part.load(mean + c), factor = part.load(scale + c);
            const auto through_variance = part.load(slope + c), through_mean = part.load(level + c);
            for (int64_t k = 0; k < group.value; ++k) {
                const int64_t i = first + k * channels + c;
                const auto centred = hn::Sub(part.load(x + i), middle);
                const auto moments = hn::MulAdd(centred, through_variance, through_mean);
                const auto gradient = hn::MulAdd(part.load(d_y + i), factor, moments);
                if (streams) {
                    part.stream(gradient, static_cast<T*>(args.d_x.data) + i);
                } else {
                    d_x.put(part, i, gradient);
                }
            }
        });
    });
    if (streams) hwy::FlushStream();
}

template <class T>
constexpr BatchNormPasses<T> passes_for{statistics<T>, normalise<T>, gradient_sums<T>, input_gradient<T>};

const BatchNormPasses<float>& passes_f32() { return passes_for<float>; }
const BatchNormPasses<double>& passes_f64() { return passes_for<double>; }
const BatchNormPasses<bf16>& passes_bf16() { return passes_for<bf16>; }
const BatchNormPasses<f16>& passes_f16() { return passes_for<f16>; }

}  // namespace
}  // namespace vitrine::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace vitrine::cpu {
namespace {

HWY_EXPORT(passes_f32);
HWY_EXPORT(passes_f64);
HWY_EXPORT(passes_bf16);
HWY_EXPORT(passes_f16);

template <class T>
const BatchNormPasses<T>& passes() {
    if constexpr (dtype_of<T> == DType::f32) {
        return HWY_DYNAMIC_DISPATCH(passes_f32)();
    } else if constexpr (dtype_of<T> == DType::bf16) {
        return HWY_DYNAMIC_DISPATCH(passes_bf16)();
    } else if constexpr (dtype_of<T> == DType::f16) {
        return HWY_DYNAMIC_DISPATCH(passes_f16)();
    } else {
        return HWY_DYNAMIC_DISPATCH(passes_f64)();
    }
}

/// How the rows are shared out: into at most 256 chunks, each of whole blocks or more.
template <class T>
Chunks chunks_of(int64_t rows, int64_t channels) {
    return Chunks::of(rows, blocks_of(rows, channels * static_cast<int64_t>(sizeof(T))).size, 256);
}

RowRange range_of(const Chunks& chunks, int64_t chunk) { return {chunks.begin(chunk), chunks.end(chunk)}; }

/// The statistics of all rows of each channel, from those of the chunks in their order.
template <class T>
void batch_statistics(const BatchNormForward& args, Context& context, double* mean, double* variance) {
    const Chunks chunks = chunks_of<T>(args.rows, args.channels);
    const PerThread<Accumulate<T>> work(context, 3 * args.channels);
    Statistics* partial = context.scratch.take<Statistics>(chunks.count() * args.channels);
    parallel_for(chunks.count(), [&](int64_t chunk) {
        Statistics* mine = partial + chunk * args.channels;
        std::fill(mine, mine + args.channels, Statistics{});
        passes<T>().statistics(args, range_of(chunks, chunk), work.mine(), mine);
    });
    const auto count_of = [&](int64_t chunk) { return chunks.range(chunk).count(); };
    merge_statistics(partial, chunks.count(), count_of, args.channels, [&](int64_t c, const Statistics& all) {
        mean[c] = all.mean;
        variance[c] = all.m2 / static_cast<double>(args.rows);
    });
}

/// running ← (1 − momentum) · running + momentum · batch, the variance by its unbiased estimate.
template <class A>
void update_running(const BatchNormForward& args, int64_t c, double mean, double variance) {
    const double rows = static_cast<double>(args.rows);
    const auto update = [&](void* running, double batch) {
        A& value = static_cast<A*>(running)[c];
        value = static_cast<A>((1 - args.momentum) * static_cast<double>(value) + args.momentum * batch);
    };
    update(args.running_mean, mean);
    update(args.running_variance, variance * rows / (rows - 1));
}

constexpr auto forward = all_types([]<class T>(const BatchNormForward& args, Context& context) {
    using A = Accumulate<T>;
    double* mean = context.scratch.take<double>(args.channels);
    double* variance = context.scratch.take<double>(args.channels);
    A* scale = context.scratch.take<A>(args.channels);
    if (args.training) batch_statistics<T>(args, context, mean, variance);
    for (int64_t c = 0; c < args.channels; ++c) {
        if (args.training) {
            update_running<A>(args, c, mean[c], variance[c]);
        } else {
            mean[c] = static_cast<double>(static_cast<const A*>(args.running_mean)[c]);
            variance[c] = static_cast<double>(static_cast<const A*>(args.running_variance)[c]);
        }
        const double rstd = 1 / std::sqrt(variance[c] + args.epsilon);
        static_cast<A*>(args.mean)[c] = static_cast<A>(mean[c]);
        static_cast<A*>(args.rstd)[c] = static_cast<A>(rstd);
        scale[c] = static_cast<A>(rstd * static_cast<double>(static_cast<const A*>(args.weight)[c]));
    }
    const Chunks chunks = chunks_of<T>(args.rows, args.channels);
    parallel_for(chunks.count(),
                 [&](int64_t chunk) { passes<T>().normalise(args, range_of(chunks, chunk), scale); });
});

/// Σ d_y and Σ d_y · (x − mean) of all rows of each channel.
template <class T>
GradientSums* total_gradient_sums(const BatchNormBackward& args, Context& context) {
    const Chunks chunks = chunks_of<T>(args.rows, args.channels);
    const PerThread<Accumulate<T>> work(context, 2 * args.channels);
    GradientSums* partial = context.scratch.take<GradientSums>(chunks.count() * args.channels);
    GradientSums* totals = context.scratch.take<GradientSums>(args.channels);
    parallel_for(chunks.count(), [&](int64_t chunk) {
        GradientSums* mine = partial + chunk * args.channels;
        std::fill(mine, mine + args.channels, GradientSums{});
        passes<T>().gradient_sums(args, range_of(chunks, chunk), work.mine(), mine);
    });
    combine_channels<GradientSums>(
        args.channels, chunks.count(),
        [&](GradientSums& sum, int64_t chunk, int64_t c) {
            sum.d_y += partial[chunk * args.channels + c].d_y;
            sum.d_y_centred += partial[chunk * args.channels + c].d_y_centred;
        },
        [&](int64_t c, const GradientSums& sum) { totals[c] = sum; });
    return totals;
}

/// The coefficients of input_gradient: of d_y, of (x − mean), and the constant.
template <class A>
struct InputCoefficients {
    InputCoefficients(const BatchNormBackward& args, const GradientSums* totals, Context& context)
        : scale(context.scratch.take<A>(args.channels)),
          slope(context.scratch.take<A>(args.channels)),
          level(context.scratch.take<A>(args.channels)) {
        for (int64_t c = 0; c < args.channels; ++c) {
            const double rstd = static_cast<double>(static_cast<const A*>(args.rstd)[c]);
            const double factor = rstd * static_cast<double>(static_cast<const A*>(args.weight)[c]);
            const double share = args.training ? factor / static_cast<double>(args.rows) : 0.0;
            scale[c] = static_cast<A>(factor);
            slope[c] = args.training ? static_cast<A>(-share * rstd * rstd * totals[c].d_y_centred) : A(0);
            level[c] = args.training ? static_cast<A>(-share * totals[c].d_y) : A(0);
        }
    }

    A* scale;
    A* slope;
    A* level;
};

constexpr auto backward = all_types([]<class T>(const BatchNormBackward& args, Context& context) {
    using A = Accumulate<T>;
    const bool sums_wanted = args.d_weight || args.d_bias || (args.d_x && args.training);
    const GradientSums* totals = sums_wanted ? total_gradient_sums<T>(args, context) : nullptr;
    const GradientWriter<A> d_weight(args.d_weight), d_bias(args.d_bias);
    for (int64_t c = 0; sums_wanted && c < args.channels; ++c) {
        const double rstd = static_cast<double>(static_cast<const A*>(args.rstd)[c]);
        if (d_weight) d_weight(c, static_cast<A>(rstd * totals[c].d_y_centred));
        if (d_bias) d_bias(c, static_cast<A>(totals[c].d_y));
    }
    if (!args.d_x) return;
    const InputCoefficients<A> coefficients(args, totals, context);
    const Chunks chunks = chunks_of<T>(args.rows, args.channels);
    parallel_for(chunks.count(), [&](int64_t chunk) {
        passes<T>().input_gradient(args, range_of(chunks, chunk), coefficients.scale, coefficients.slope,
                                   coefficients.level);
    });
});

constexpr Implementation<BatchNormForward> forward_list[]{
    {"vector", refuses_nothing, forward},
    {"onednn", onednn::refuses_batch_norm_forward, onednn::run_batch_norm_forward}};
constexpr Implementation<BatchNormBackward> backward_list[]{
    {"vector", refuses_nothing, backward},
    {"onednn", onednn::refuses_batch_norm_backward, onednn::run_batch_norm_backward}};

}  // namespace

const Kernel<BatchNormForward> batch_norm_forward{"batch_norm_forward", forward_list};
const Kernel<BatchNormBackward> batch_norm_backward{"batch_norm_backward", backward_list};

}  // namespace vitrine::cpu
#endif

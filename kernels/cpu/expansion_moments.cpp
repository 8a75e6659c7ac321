// The moments of an expansion from those of its input (kernels/expanded_conv.h): the narrow tensor is read once, forward and
// backward, and the wide one is nowhere.
//
// Chunks of pixels, few enough to stay in the cache, leave their mean and their scatter around it, which are put together in
// f64 and in their order: so no square of a large mean cancels against another.

#include <algorithm>
#include <optional>
#include <vector>

#include "kernels/conv_fusion.h"
#include "kernels/cpu/channel_sums.h"
#include "kernels/cpu/gemm.h"
#include "kernels/cpu/per_thread.h"
#include "kernels/cpu/window_moments.h"
#include "kernels/kernels.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/expansion_moments.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "kernels/cpu/conv_parts-inl.h"
#include "kernels/cpu/gemm-inl.h"
#include "kernels/cpu/gemm_gather-inl.h"
#include "kernels/cpu/window_moments-inl.h"

#ifndef VITRINE_KERNELS_CPU_EXPANSION_MOMENTS_ONCE
#define VITRINE_KERNELS_CPU_EXPANSION_MOMENTS_ONCE
namespace vitrine::cpu {

template <class T>
struct InputMoments {
    const ExpansionMomentsForward& args;
    Chunks chunks;            // of pixels
    PanelLayout layout;       // of the narrow channels
    Accumulate<T>* means;     // [chunks, narrow]
    Accumulate<T>* scatters;  // [chunks, narrow, padded]

    std::optional<WindowMoments<T>> windows;

    /// Of each thread: rows, and their sums.
    int64_t workspace_size() const {
        return windows ? windows->workspace_size(chunks.size) : chunks.size * layout.padded() + args.narrow;
    }
};

/// d_a = level + slope · (a − μ)
template <class T>
struct MomentsGradient {
    const ExpansionMomentsBackward& args;
    Chunks chunks;
    RightMatrix<Accumulate<T>> slope;  // [narrow, narrow], and level beside it
    Accumulate<T>* scale_sums;         // [chunks, narrow], or null
    Accumulate<T>* shift_sums;

    /// Of each thread: rows, and their gradients.
    int64_t workspace_size() const { return 2 * chunks.size * slope.layout.padded(); }
};

}  // namespace vitrine::cpu
#endif

HWY_BEFORE_NAMESPACE();
namespace vitrine::cpu::HWY_NAMESPACE {
namespace {

/// Rows of a − centre, the columns past the channels zero; of a itself without a centre. A centre taken off the prologue's
/// shift would save an operation, but its rounding would be every row's, and sums over all of them would tell.
template <class T, class Args>
void load_centred_rows(const Args& args, int64_t first, int64_t rows, const Accumulate<T>* centre,
                       RowsOf<Accumulate<T>> a) {
    using A = Accumulate<T>;
    const int64_t narrow = args.narrow;
    const RowsOf<const T> x{static_cast<const T*>(args.x) + first * narrow, narrow};
    const A* scale = static_cast<const A*>(args.prologue.scale);
    const A* shift = static_cast<const A*>(args.prologue.shift);
    for_each_four_rows(rows, [&](int64_t row, auto count) HWY_ATTR {
        for_each_vector<A>(narrow, [&](auto part, int64_t c) HWY_ATTR {
            const auto factor = scale == nullptr ? constant<A>(1) : part.load(scale + c);
            const auto offset = scale == nullptr ? constant<A>(0) : part.load(shift + c);
            const auto middle = centre == nullptr ? constant<A>(0) : part.load(centre + c);
            for (int k = 0; k < count; ++k) {
                const auto u = hn::MulAdd(factor, part.load(x.row(row + k) + c), offset);
                part.store(hn::Sub(clamped_vector(args.prologue.activation, u), middle), a.row(row + k) + c);
            }
        });
    });
    for (int64_t row = 0; a.stride > narrow && row < rows; ++row)
        zero_row(a.stride - narrow, a.row(row) + narrow);
}

/// About the mean of a chunk: that of its first rows.
template <class T>
void guess_centre(const InputMoments<T>& task, int64_t first, int64_t rows, Accumulate<T>* memory,
                  Accumulate<T>* centre) {
    const int64_t few = std::min<int64_t>(rows, 16), padded = task.layout.padded();
    load_centred_rows<T>(task.args, first, few, nullptr, {memory, padded});
    column_sums(memory, few, task.args.narrow, padded, centre);
    for (int64_t k = 0; k < task.args.narrow; ++k) centre[k] /= static_cast<Accumulate<T>>(few);
}

template <class T>
void moments_of_chunk(const InputMoments<T>& task, int64_t chunk, Accumulate<T>* workspace) {
    using A = Accumulate<T>;
    const int64_t narrow = task.args.narrow, padded = task.layout.padded();
    const int64_t first = task.chunks.begin(chunk), rows = task.chunks.end(chunk) - first;
    A *a = workspace, *distance = a + task.chunks.size * padded;
    A *mean = task.means + chunk * narrow, *scatter = task.scatters + chunk * narrow * padded;
    if (task.windows) return moments_of_windows(*task.windows, first, rows, workspace, padded, mean, scatter);
    guess_centre(task, first, rows, a, mean);
    load_centred_rows<T>(task.args, first, rows, mean, {a, padded});
    column_sums(a, rows, narrow, padded, distance);
    with_vectors_of<A>(task.layout, [&](auto d) HWY_ATTR {
        for (int64_t panel = 0; panel < task.layout.count(); ++panel) {
            const int64_t column = task.layout.first_column(panel);
            const RegisterTile<A> tile{.depth = rows,
                                       .a = a,
                                       .a_row = 1,
                                       .a_step = padded,
                                       .b = a + column,
                                       .b_step = padded,
                                       .init = nullptr,
                                       .c = scatter + column,
                                       .c_row = padded,
                                       .store = Store::write,
                                       .soon = {{a, 0}, {a, 0}}};
            multiply_panel_of<LeftOrder::columns>(d, task.layout.width(panel) / task.layout.lanes, tile,
                                                  narrow);
        }
    });
    // From around the guess to around the mean.
    for (int64_t j = 0; j < narrow; ++j) {
        const A from_guess = distance[j] / static_cast<A>(rows);
        mean[j] += from_guess;
        for (int64_t k = 0; k < narrow; ++k) scatter[j * padded + k] -= from_guess * distance[k];
    }
}

/// The two parts of d_x, which are rounded together.
template <class T>
HWY_ATTR void add_so_far(const ExpansionMomentsBackward& args, int64_t first, int64_t rows,
                         RowsOf<const Accumulate<T>> d_x) {
    using A = Accumulate<T>;
    const int64_t narrow = args.narrow;
    const A* so_far = static_cast<const A*>(args.d_x_so_far) + first * narrow;
    const VectorGradient<T> to(args.d_x);
    for_each_four_rows(rows, [&](int64_t row, auto count) HWY_ATTR {
        for_each_vector<A>(narrow, [&](auto part, int64_t c) HWY_ATTR {
            for (int64_t k = row; k < row + count; ++k) {
                const auto sum = hn::Add(part.load(d_x.row(k) + c), part.load(so_far + k * narrow + c));
                to.put(part, (first + k) * narrow + c, sum);
            }
        });
    });
}

template <class T>
void gradient_of_chunk(const MomentsGradient<T>& task, int64_t chunk, Accumulate<T>* workspace) {
    using A = Accumulate<T>;
    const ExpansionMomentsBackward& args = task.args;
    const PanelLayout& layout = task.slope.layout;
    const int64_t narrow = args.narrow, padded = layout.padded();
    const int64_t first = task.chunks.begin(chunk), rows = task.chunks.end(chunk) - first;
    A *a = workspace, *d_a = a + task.chunks.size * padded;
    load_centred_rows<T>(args, first, rows, static_cast<const A*>(args.centre), {a, padded});
    with_vectors_of<A>(layout, [&](auto d) HWY_ATTR {
        for (int64_t panel = 0; panel < layout.count(); ++panel) {
            const int64_t column = layout.first_column(panel);
            const RegisterTile<A> tile{.depth = narrow,
                                       .a = a,
                                       .a_row = padded,
                                       .a_step = 1,
                                       .b = task.slope.panel(panel),
                                       .b_step = task.slope.step(panel),
                                       .init = task.slope.bias + column,
                                       .c = d_a + column,
                                       .c_row = padded,
                                       .store = Store::write,
                                       .soon = {{a, 0}, {a, 0}}};
            multiply_panel_of<LeftOrder::rows>(d, layout.width(panel) / layout.lanes, tile, rows);
        }
    });
    const auto sums = [&](A* all) {
        if (all != nullptr) zero_row(narrow, all + chunk * narrow);
        return all == nullptr ? nullptr : all + chunk * narrow;
    };
    const auto put = [&]<class To>(RowsOf<To> d_x, bool accumulate) {
        prologue_gradient_rows<T, A, To>(
            {static_cast<const T*>(args.x) + first * narrow, narrow}, {d_a, padded}, rows, narrow,
            static_cast<const A*>(args.prologue.scale), static_cast<const A*>(args.prologue.shift),
            args.prologue.activation, {d_x, accumulate, sums(task.scale_sums), sums(task.shift_sums)});
    };
    if (args.d_x && args.d_x_so_far != nullptr) {
        put(RowsOf<A>{d_a, padded}, false);
        in_own_rounding<T>([&]<class Own>() {
            add_so_far<Own>(args, first, rows, RowsOf<const A>{d_a, padded});
        });
    } else {
        T* d_x = args.d_x ? static_cast<T*>(args.d_x.data) + first * narrow : nullptr;
        put(RowsOf<T>{d_x, narrow}, args.d_x.mode == GradMode::accumulate);
    }
}

#define VITRINE_CHUNKS(name, T)                                                                     \
    void moments_##name(const InputMoments<T>& task, int64_t chunk, Accumulate<T>* workspace) {     \
        moments_of_chunk(task, chunk, workspace);                                                   \
    }                                                                                               \
    void gradient_##name(const MomentsGradient<T>& task, int64_t chunk, Accumulate<T>* workspace) { \
        gradient_of_chunk(task, chunk, workspace);                                                  \
    }
VITRINE_CHUNKS(f32, float)
VITRINE_CHUNKS(f64, double)
VITRINE_CHUNKS(bf16, bf16)
VITRINE_CHUNKS(f16, f16)
#undef VITRINE_CHUNKS

}  // namespace
}  // namespace vitrine::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace vitrine::cpu {
namespace {

#define VITRINE_CHUNKS(name, T)                                                               \
    HWY_EXPORT(moments_##name);                                                               \
    HWY_EXPORT(gradient_##name);                                                              \
    void run_chunk(const InputMoments<T>& task, int64_t chunk, Accumulate<T>* workspace) {    \
        HWY_DYNAMIC_DISPATCH(moments_##name)(task, chunk, workspace);                         \
    }                                                                                         \
    void run_chunk(const MomentsGradient<T>& task, int64_t chunk, Accumulate<T>* workspace) { \
        HWY_DYNAMIC_DISPATCH(gradient_##name)(task, chunk, workspace);                        \
    }
VITRINE_CHUNKS(f32, float)
VITRINE_CHUNKS(f64, double)
VITRINE_CHUNKS(bf16, bf16)
VITRINE_CHUNKS(f16, f16)
#undef VITRINE_CHUNKS

/// Of pixels, of which each chunk is summed up in the type that is computed in: enough of them for all cores, and so large
/// that the chunks' results are small beside what they are made of.
Chunks moment_chunks(int64_t pixels) {
    return {pixels, std::clamp<int64_t>(round_up(pixels / wanted_tasks, 16), 64, 1024)};
}

/// μ and S of all pixels from those of the chunks, by the formula of Joining for each pair of channels.
template <class T>
struct AllMoments {
    std::vector<double> centre, scatter;

    explicit AllMoments(const InputMoments<T>& task)
        : centre(static_cast<size_t>(task.args.narrow)), scatter(centre.size() * centre.size()) {
        const int64_t narrow = task.args.narrow;
        const auto rows_of = [&](int64_t chunk) {
            return static_cast<double>(task.chunks.end(chunk) - task.chunks.begin(chunk));
        };
        for (int64_t chunk = 0; chunk < task.chunks.count(); ++chunk) {
            const double share = rows_of(chunk) / static_cast<double>(task.args.pixels);
            for (int64_t k = 0; k < narrow; ++k)
                centre[static_cast<size_t>(k)] += share * static_cast<double>(task.means[chunk * narrow + k]);
        }
        parallel_for(narrow, [&](int64_t j) {
            double* row = scatter.data() + j * narrow;
            for (int64_t chunk = 0; chunk < task.chunks.count(); ++chunk) {
                const auto* mean = task.means + chunk * narrow;
                const auto* part = task.scatters + (chunk * narrow + j) * task.layout.padded();
                const double distance =
                    rows_of(chunk) * (static_cast<double>(mean[j]) - centre[static_cast<size_t>(j)]);
                for (int64_t k = 0; k < narrow; ++k)
                    row[k] += static_cast<double>(part[k]) +
                              distance * (static_cast<double>(mean[k]) - centre[static_cast<size_t>(k)]);
            }
        });
    }
};

/// (S w_o)_j
template <class S, class T>
double scattered(const S* scatter, const T* w_o, int64_t j, int64_t narrow) {
    double sum = 0;
    for (int64_t k = 0; k < narrow; ++k)
        sum += static_cast<double>(scatter[j * narrow + k]) * static_cast<double>(w_o[k]);
    return sum;
}

constexpr auto run_forward = all_types([]<class T>(const ExpansionMomentsForward& args, Context& context) {
    using A = Accumulate<T>;
    const int64_t narrow = args.narrow;
    const Chunks chunks = moment_chunks(args.pixels);
    const PanelLayout layout = panel_layout(dtype_of<A>, narrow);
    InputMoments<T> task{args,
                         chunks,
                         layout,
                         context.scratch.take<A>(chunks.count() * narrow),
                         context.scratch.take<A>(chunks.count() * narrow * layout.padded()),
                         {}};
    if (args.windows.there())
        task.windows = WindowMoments<T>{RowSource<T>::of_windows(moments_shape(args), args.x)};
    const PerThread<A> workspace(context, task.workspace_size());
    parallel_for(chunks.count(), [&](int64_t chunk) { run_chunk(task, chunk, workspace.mine()); });

    const AllMoments<T> all(task);
    std::transform(all.centre.begin(), all.centre.end(), static_cast<A*>(args.centre),
                   [](double value) { return static_cast<A>(value); });
    std::transform(all.scatter.begin(), all.scatter.end(), static_cast<A*>(args.scatter),
                   [](double value) { return static_cast<A>(value); });
    parallel_for(args.channels, [&](int64_t o) {
        const T* w_o = static_cast<const T*>(args.expansion) + o * narrow;
        double mean = 0, m2 = 0;
        for (int64_t j = 0; j < narrow; ++j) {
            mean += static_cast<double>(w_o[j]) * all.centre[static_cast<size_t>(j)];
            m2 += static_cast<double>(w_o[j]) * scattered(all.scatter.data(), w_o, j, narrow);
        }
        static_cast<A*>(args.mean)[o] = static_cast<A>(mean);
        static_cast<A*>(args.m2)[o] = static_cast<A>(std::max(m2, 0.0));  // of a constant channel, roundings
    });
});

/// d_w_o = d_mean_o · μ + 2 · d_m2_o · S w_o
template <class T>
void put_expansion_gradient(const ExpansionMomentsBackward& args) {
    using A = Accumulate<T>;
    const int64_t narrow = args.narrow;
    const GradientWriter<A> write(args.d_expansion);
    if (!write) return;
    parallel_for(args.channels, [&](int64_t o) {
        const T* w_o = static_cast<const T*>(args.expansion) + o * narrow;
        const double d_mean = static_cast<double>(static_cast<const A*>(args.d_mean)[o]);
        const double d_m2 = static_cast<double>(static_cast<const A*>(args.d_m2)[o]);
        for (int64_t j = 0; j < narrow; ++j) {
            const double centre = static_cast<double>(static_cast<const A*>(args.centre)[j]);
            const double of_scatter = scattered(static_cast<const A*>(args.scatter), w_o, j, narrow);
            write(o * narrow + j, static_cast<A>(d_mean * centre + 2 * d_m2 * of_scatter));
        }
    });
}

/// slope_jk = Σ_o 2 · d_m2_o · w_oj · w_ok and level_j = Σ_o w_oj · d_mean_o / M, as the right matrix of a product.
template <class T>
RightMatrix<Accumulate<T>> moment_coefficients(const ExpansionMomentsBackward& args, Context& context) {
    using A = Accumulate<T>;
    const int64_t narrow = args.narrow;
    const T* w = static_cast<const T*>(args.expansion);
    A *slope = context.scratch.take<A>(narrow * narrow), *level = context.scratch.take<A>(narrow);
    parallel_for(narrow, [&](int64_t j) {
        std::vector<double> row(static_cast<size_t>(narrow));
        double sum = 0;
        for (int64_t o = 0; o < args.channels; ++o) {
            const double w_j = static_cast<double>(w[o * narrow + j]);
            const double factor = 2 * static_cast<double>(static_cast<const A*>(args.d_m2)[o]) * w_j;
            sum += w_j * static_cast<double>(static_cast<const A*>(args.d_mean)[o]);
            for (int64_t k = 0; k < narrow; ++k)
                row[static_cast<size_t>(k)] += factor * static_cast<double>(w[o * narrow + k]);
        }
        level[j] = static_cast<A>(sum / static_cast<double>(args.pixels));
        std::transform(row.begin(), row.end(), slope + j * narrow,
                       [](double value) { return static_cast<A>(value); });
    });
    return pack_transposed(slope, narrow, narrow, level, context);
}

constexpr auto run_backward = all_types([]<class T>(const ExpansionMomentsBackward& args, Context& context) {
    using A = Accumulate<T>;
    put_expansion_gradient<T>(args);
    if (!args.d_x && !args.d_scale && !args.d_shift) return;
    const int64_t narrow = args.narrow;
    const Chunks chunks = moment_chunks(args.pixels);
    const auto sums = [&](const Gradient& wanted) {
        return wanted ? context.scratch.take<A>(chunks.count() * narrow) : nullptr;
    };
    const MomentsGradient<T> task{args, chunks, moment_coefficients<T>(args, context), sums(args.d_scale),
                                  sums(args.d_shift)};
    const PerThread<A> workspace(context, task.workspace_size());
    parallel_for(chunks.count(), [&](int64_t chunk) { run_chunk(task, chunk, workspace.mine()); });
    if (args.d_scale) combine_sums(task.scale_sums, chunks.count(), narrow, narrow, args.d_scale);
    if (args.d_shift) combine_sums(task.shift_sums, chunks.count(), narrow, narrow, args.d_shift);
});

constexpr Implementation<ExpansionMomentsForward> forward_list[]{
    {"scatter", refuses_curve<ExpansionMomentsForward, refuses_windows>, run_forward}};
constexpr Implementation<ExpansionMomentsBackward> backward_list[]{
    {"scatter", refuses_curve<ExpansionMomentsBackward, refuses_windows>, run_backward}};

}  // namespace

const Kernel<ExpansionMomentsForward> expansion_moments_forward{"expansion_moments_forward", forward_list};
const Kernel<ExpansionMomentsBackward> expansion_moments_backward{"expansion_moments_backward",
                                                                  backward_list};

}  // namespace vitrine::cpu
#endif

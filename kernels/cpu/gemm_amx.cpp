// The products of bf16 by tile registers: see gemm_amx.h.

#include "kernels/cpu/gemm_amx.h"

#include "kernels/cpu/channel_sums.h"
#include "kernels/cpu/conv_parts.h"
#include "kernels/cpu/per_thread.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/gemm_amx.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "kernels/cpu/amx_rows-inl.h"
#include "kernels/cpu/conv_parts-inl.h"
#include "kernels/cpu/gemm_gather-inl.h"
#include "kernels/cpu/gemm_sink-inl.h"

#ifndef VITRINE_KERNELS_CPU_GEMM_AMX_TASKS
#define VITRINE_KERNELS_CPU_GEMM_AMX_TASKS
namespace vitrine::cpu::amx {

/// Rows [first_row, first_row + rows) of a product, and panels [first_panel, end_panel) of its columns.
struct ProductTask {
    const RowSource<bf16>& source;
    const Terms& terms;
    const PairsMatrix& matrix;
    const RowSink<bf16>& sink;
    int64_t chunk;
    int64_t first_row;
    int64_t rows;
    int64_t first_panel;
    int64_t end_panel;
    bf16* band;     // this thread's, of the rows' windows; null where there is none
    bf16* left;     // this thread's: [terms, whole tiles of rows, depth in whole tiles]
    float* result;  // this thread's: [whole tiles of rows, panel_columns]
    bf16* staged;   // this thread's: [rows, columns], of results that go past the caches; else null

    int64_t depth() const { return round_up(matrix.depth, tile_depth); }
    int64_t whole_rows() const { return round_up(rows, tile_rows); }
};

/// Rows of a gradient behind an epilogue, [count, channels], in terms.
struct SplitTask {
    const bf16 *d_y, *y;
    const float *level, *slope, *mean;
    int64_t count, channels;
    bf16 *high, *low;
};

}  // namespace vitrine::cpu::amx
#endif

HWY_BEFORE_NAMESPACE();
namespace vitrine::cpu::HWY_NAMESPACE {
namespace {

/// The left matrix of a task: its first term, and where the next one is.
struct LeftRows {
    RowsOf<const bf16> rows;
    int64_t term;
};

LeftRows left_rows(const amx::ProductTask& task) {
    RowSource<bf16> source = task.source;
    // As they lie there, if whole tiles can be read.
    if (source.plain() && source.rows_are_pixels() && task.depth() == task.matrix.depth &&
        task.rows == task.whole_rows()) {
        return {{source.pixels + task.first_row * source.channels + source.first_channel, source.channels},
                task.terms.distance};
    }
    const int64_t term = task.whole_rows() * task.depth();
    for (int64_t k = 0; k < task.terms.count; ++k, source.pixels += task.terms.distance)
        gather_tile_rows(source, task.first_row, task.rows, task.band, task.left + k * term, task.depth());
    return {{task.left, task.depth()}, term};
}

void run_product_task(const amx::ProductTask& task) {
    const amx::PairsMatrix& matrix = task.matrix;
    const RowSink<bf16>& sink = task.sink;
    const LeftRows left = left_rows(task);
    const RowsOf<float> result{task.result, amx::panel_columns};
    const amx::Registers registers;
    for (int64_t panel = task.first_panel; panel < task.end_panel; ++panel) {
        const int64_t column = panel * amx::panel_columns, width = matrix.width(panel);
        const int64_t channel = sink.first_channel + column;
        amx::multiply({left.rows.data, left.rows.stride, task.whole_rows(), matrix.panel(panel), task.depth(),
                       result.data, result.stride, false, task.terms.count, left.term});
        for (int64_t row = 0; matrix.bias != nullptr && row < task.rows; ++row)
            add_row(matrix.bias + column, width, result.row(row));
        const int64_t sums = task.chunk * sink.channels + channel;
        float* means = sink.means == nullptr ? nullptr : sink.means + sums;
        float* m2s = sink.means == nullptr ? nullptr : sink.m2s + sums;
        if (task.staged != nullptr) {
            put_panel(result.data, task.rows, width, means, m2s, task.staged + column, matrix.columns);
        } else if (sink.plain()) {
            put_panel(result.data, task.rows, width, means, m2s,
                      sink.pixels + task.first_row * sink.channels + channel, sink.channels);
        } else {
            scatter_rows(sink, {task.chunk, task.first_row, task.rows, channel, width}, result,
                         [](const float* from, int64_t count, bf16* to)
                             HWY_ATTR { copy_row(from, count, to); });
        }
    }
    if (task.staged != nullptr) {
        amx::stream(task.staged, task.rows * matrix.columns, sink.pixels + task.first_row * matrix.columns);
    }
}

void run_split_task(const amx::SplitTask& task) {
    for (int64_t row = 0; row < task.count; ++row) {
        const int64_t first = row * task.channels;
        split_gradient_row(task.d_y + first, task.y + first, task.channels,
                           {task.level, task.slope, task.mean}, task.high + first, task.low + first);
    }
}

}  // namespace
}  // namespace vitrine::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace vitrine::cpu {
namespace {

HWY_EXPORT(run_product_task);
HWY_EXPORT(run_split_task);

}  // namespace

namespace amx {

PairsMatrix transposed_matrix(const bf16* weight, int64_t depth, int64_t columns, const float* bias,
                              Context& context) {
    bf16* pairs = context.scratch.take<bf16>(pairs_elements(depth, columns));
    const PairsMatrix matrix{depth, columns, pairs, bias};
    parallel_for(matrix.panels(),
                 [&](int64_t panel) { pack_transposed(weight, depth, columns, panel, panel + 1, pairs); });
    return matrix;
}

PairsMatrix rows_matrix(const bf16* weight, int64_t depth, int64_t columns, int64_t stride,
                        Context& context) {
    bf16* pairs = context.scratch.take<bf16>(pairs_elements(depth, columns));
    pack_rows(weight, stride, depth, columns, pairs);
    return {depth, columns, pairs, nullptr};
}

Chunks tile_chunks(int64_t rows, int64_t depth) {
    // The rows take 128 KiB at most, and a panel of their results 32 KiB. No tap may reach them: then there is no depth.
    const int64_t width = std::max(round_up(depth, tile_depth), tile_depth);
    return {rows, std::clamp<int64_t>(tile_elements / width / 32 * 32, 32, 256)};
}

/// Whether a task has whole rows of a matrix that goes past the caches.
bool streams(const RowSink<bf16>& sink, int64_t columns, int64_t rows) {
    return sink.plain() && sink.channels == columns &&
           rows * columns * int64_t{sizeof(bf16)} >= past_the_caches &&
           reinterpret_cast<uintptr_t>(sink.pixels) % 64 == 0;
}

void product(const RowSource<bf16>& source, const Terms& terms, const PairsMatrix& matrix,
             const RowSink<bf16>& sink, Context& context) {
    const Chunks chunks = tile_chunks(source.rows(), matrix.depth);
    const int64_t panels = matrix.panels();
    const bool stream = streams(sink, matrix.columns, source.rows());
    const int64_t splits =
        stream ? 1 : std::clamp<int64_t>(ceil_divide(wanted_tasks, chunks.count()), 1, panels);
    const int64_t room = round_up(chunks.size, tile_rows);
    const bool banded = source.banded(chunks.size);
    const PerThread<bf16> band(context, banded ? source.band_elements(chunks.size) + widest_vector : 0);
    const PerThread<bf16> left(context,
                               terms.count * room * round_up(matrix.depth, tile_depth) + widest_vector);
    const PerThread<float> result(context, room * panel_columns);
    const PerThread<bf16> staged(context, stream ? room * matrix.columns : 0);
    parallel_for(chunks.count() * splits, [&](int64_t index) {
        const int64_t chunk = index / splits, split = index % splits;
        const int64_t first = chunks.begin(chunk);
        HWY_DYNAMIC_DISPATCH(run_product_task)
        (ProductTask{source, terms, matrix, sink, chunk, first, chunks.end(chunk) - first,
                     panels * split / splits, panels * (split + 1) / splits, banded ? band.mine() : nullptr,
                     left.mine(), result.mine(), stream ? staged.mine() : nullptr});
    });
}

const bf16* gradient_in_terms(const ConvBackward& args, Terms& terms, Context& context) {
    const bf16* d_y = static_cast<const bf16*>(args.d_y);
    if (!changes_gradient(args)) return d_y;
    const int64_t channels = args.shape.out_channels, rows = args.shape.out_pixels();
    float* level = context.scratch.take<float>(channels);
    float* slope = context.scratch.take<float>(channels);
    epilogue_coefficients(args, level, slope);
    terms = {2, round_up(rows * channels, widest_vector)};
    bf16* high = context.scratch.take<bf16>(2 * terms.distance);
    for_each_chunk({rows, std::max<int64_t>(1, tile_elements / channels)}, [&](Range part) {
        const int64_t first = part.begin * channels;
        HWY_DYNAMIC_DISPATCH(run_split_task)
        (SplitTask{d_y + first, static_cast<const bf16*>(args.y) + first, level, slope,
                   static_cast<const float*>(args.mean), part.count(), channels, high + first,
                   high + terms.distance + first});
    });
    return high;
}

}  // namespace amx
}  // namespace vitrine::cpu
#endif

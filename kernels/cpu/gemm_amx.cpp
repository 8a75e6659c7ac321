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

/// Rows [first_row, first_row + rows) and columns [first, first + count) of an outer product. One of its two matrices is turned
/// round, the other wanted in pairs of rows: turning is the dearer, so it is the one with fewer columns, and D is summed as it
/// is or as its transpose.
struct OuterTask {
    const OuterProduct<bf16, bf16>& product;
    const Terms& terms;
    int64_t first_row;
    int64_t rows;
    int64_t first;
    int64_t count;
    int64_t block;  // rows that are multiplied at a time, whole tiles of them
    bool turns_source;
    bf16* gathered;     // this thread's: [block, depth]
    bf16* band;         // this thread's, of a block's rows; null where there is none
    bf16* turned;       // this thread's: [whole tiles of columns, turned_stride]
    bf16* pairs;        // this thread's: a block, in panels of pairs
    float* block_sums;  // this thread's: [count]
    float* weight;      // this task's part; null if unwanted
    int64_t weight_stride;
    float* bias;  // [count]; null if unwanted

    /// Half a line more than the block, or rows of tiles would meet in the same sets of the cache.
    int64_t turned_stride() const { return block + tile_depth; }
    const bf16* gradient(int64_t row, int64_t term) const {
        return product.gradient + term * terms.distance + row * product.stride + product.first + first;
    }
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

/// Rows of a source, in a thread's own memory.
void gather(const RowSource<bf16>& source, int64_t first, int64_t rows, bf16* band, bf16* to,
            int64_t stride) {
    if (band == nullptr) return gather_rows(source, first, rows, native(to), stride);
    fill_band(source, first, rows, native(band));
    gather_rows_of_band(source, first, rows, band, to, stride);
}

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
        gather(source, task.first_row, task.rows, task.band, task.left + k * term, task.depth());
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

/// One operand of an outer product.
struct OuterOperand {
    RowsOf<const bf16> rows;
    int64_t columns;
    amx::Terms terms{};
};

OuterOperand outer_source(const amx::OuterTask& task, int64_t first_row, int64_t rows) {
    const RowSource<bf16>& source = task.product.source;
    const int64_t depth = source.depth();
    if (source.plain() && source.rows_are_pixels())
        return {{source.pixels + first_row * source.channels + source.first_channel, source.channels}, depth};
    gather(source, first_row, rows, task.band, task.gathered, depth);
    return {{task.gathered, depth}, depth};
}

/// One block of rows, added to the task's part.
void multiply_outer(const amx::OuterTask& task, int64_t first_row, int64_t rows) {
    const OuterOperand source = outer_source(task, first_row, rows);
    const OuterOperand gradient{{task.gradient(first_row, 0), task.product.stride}, task.count, task.terms};
    const OuterOperand left = task.turns_source ? source : gradient;
    const OuterOperand right = task.turns_source ? gradient : source;
    const int64_t padded_rows = round_up(rows, amx::tile_depth);
    const int64_t left_rows = round_up(left.columns, amx::tile_rows);
    const int64_t turned_term = left_rows * task.turned_stride();
    const int64_t pairs_term = padded_rows * round_up(right.columns, amx::panel_columns);
    for (int64_t term = 0; term < left.terms.count; ++term)
        amx::transpose(left.rows.data + term * left.terms.distance, left.rows.stride, rows, left.columns,
                       task.turned + term * turned_term, task.turned_stride());
    for (int64_t term = 0; term < right.terms.count; ++term)
        amx::pack_rows(right.rows.data + term * right.terms.distance, right.rows.stride, rows, right.columns,
                       task.pairs + term * pairs_term);
    const amx::Registers registers;
    for (int64_t column = 0; column < right.columns; column += amx::panel_columns) {
        amx::multiply({.a = task.turned,
                       .a_stride = task.turned_stride(),
                       .rows = left_rows,
                       .pairs = task.pairs + column * padded_rows,
                       .depth = padded_rows,
                       .c = task.weight + column,
                       .c_stride = task.weight_stride,
                       .add = first_row > task.first_row,
                       .terms = task.terms.count,
                       .a_term = left.terms.count > 1 ? turned_term : 0,
                       .pairs_term = right.terms.count > 1 ? pairs_term : 0});
    }
}

void run_outer_task(const amx::OuterTask& task) {
    const int64_t end = task.first_row + task.rows;
    if (task.bias != nullptr) zero_row(task.count, task.bias);
    for (int64_t row = task.first_row; row < end; row += task.block) {
        const int64_t rows = std::min(task.block, end - row);
        if (task.weight != nullptr) multiply_outer(task, row, rows);
        for (int64_t term = 0; task.bias != nullptr && term < task.terms.count; ++term) {
            column_sums(task.gradient(row, term), rows, task.count, task.product.stride, task.block_sums);
            add_row(task.block_sums, task.count, task.bias);
        }
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
HWY_EXPORT(run_outer_task);
HWY_EXPORT(run_split_task);

}  // namespace

namespace amx {

/// In elements: what copies of whole vectors may reach beyond a row.
constexpr int64_t widest_vector = 64 / sizeof(bf16);

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

void outer_product(const OuterProduct<bf16, bf16>& product, const Terms& terms, Context& context) {
    OuterProduct<bf16, bf16> task = product;
    const int64_t depth = task.source.depth();
    const Chunks chunks = outer_chunks(task.source.rows(), depth, task.count);
    const int64_t splits =
        std::clamp<int64_t>(ceil_divide(wanted_tasks, chunks.count()), 1, ceil_divide(task.count, 64));
    const Chunks columns{task.count, round_up(ceil_divide(task.count, splits), panel_columns)};
    task.source = made_once(task.source, columns.count(), context);
    const int64_t block =
        std::clamp<int64_t>(4 * tile_elements / (2 * depth + 2 * columns.size) / 32 * 32, 32, 512);

    const bool turns_source = depth < columns.size;
    const int64_t stride = round_up(turns_source ? task.count : depth, panel_columns);
    const int64_t part = round_up(turns_source ? depth : task.count, tile_rows) * stride;
    float* weights = task.weight ? context.scratch.take<float>(chunks.count() * part) : nullptr;
    float* biases = task.bias ? context.scratch.take<float>(chunks.count() * task.count) : nullptr;
    const bool banded = task.source.banded(block);
    const int64_t narrow = std::min(depth, columns.size), wide = std::max(depth, columns.size);
    const PerThread<bf16> gathered(context, block * depth + widest_vector);
    const PerThread<bf16> band(context, banded ? task.source.band_elements(block) + widest_vector : 0);
    const int64_t source_terms = 1, turned_terms = turns_source ? source_terms : terms.count;
    const PerThread<bf16> turned(context, turned_terms * round_up(narrow, tile_rows) * (block + tile_depth));
    const PerThread<bf16> pairs(context, (1 + terms.count - turned_terms) * pairs_elements(block, wide));
    const PerThread<float> sums(context, columns.size);
    parallel_for(chunks.count() * columns.count(), [&](int64_t index) {
        const int64_t chunk = index / columns.count();
        const int64_t first = columns.begin(index % columns.count());
        const int64_t count = columns.end(index % columns.count()) - first;
        float* weight =
            weights == nullptr ? nullptr : weights + chunk * part + first * (turns_source ? 1 : stride);
        HWY_DYNAMIC_DISPATCH(run_outer_task)
        (OuterTask{task, terms, chunks.begin(chunk), chunks.end(chunk) - chunks.begin(chunk), first, count,
                   block, turns_source, gathered.mine(), banded ? band.mine() : nullptr, turned.mine(),
                   pairs.mine(), sums.mine(), weight, stride,
                   biases == nullptr ? nullptr : biases + chunk * task.count + first});
    });

    if (weights != nullptr && turns_source) {
        combine_turned(weights, chunks.count(), part, depth, task.count, stride, task.weight);
    } else if (weights != nullptr) {
        combine_outer_parts(weights, chunks.count(), part, task.count, depth, stride, task.weight);
    }
    if (biases != nullptr)
        combine_outer_parts(biases, chunks.count(), task.count, 1, task.count, task.count, task.bias);
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

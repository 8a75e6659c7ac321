// The products of bf16 by tile registers: see gemm_amx.h.

#include "kernels/cpu/gemm_amx.h"

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

/// A float is taken apart into two bf16: what rounding it to one would lose counts where large gradients cancel, as those of a
/// batch norm do.
template <class From>
inline constexpr int64_t terms_of = std::is_same_v<From, float> ? 2 : 1;

/// Rows [first_row, first_row + rows) of a product, and panels [first_panel, end_panel) of its columns.
template <class From>
struct ProductTask {
    const RowSource<From>& source;
    const PairsMatrix& matrix;
    const RowSink<bf16>& sink;
    int64_t chunk;
    int64_t first_row;
    int64_t rows;
    int64_t first_panel;
    int64_t end_panel;
    From* gathered;  // this thread's: [rows, depth]; only of floats, to be taken apart
    From* band;      // this thread's, of the rows' windows; null where there is none
    bf16* left;      // this thread's: [terms, whole tiles of rows, depth in whole tiles]
    float* result;   // this thread's: [whole tiles of rows, panel_columns]
    bf16*
        staged;  // this thread's: [rows, columns], of results that go past the caches; null where they do not

    static constexpr int64_t terms = terms_of<From>;

    int64_t depth() const { return round_up(matrix.depth, tile_depth); }
    int64_t whole_rows() const { return round_up(rows, tile_rows); }
};

/// Rows [first_row, first_row + rows) and columns [first, first + count) of an outer product.
template <class G>
struct OuterTask {
    const OuterProduct<bf16, G>& product;
    int64_t first_row;
    int64_t rows;
    int64_t first;
    int64_t count;
    int64_t block;      // rows that are multiplied at a time, whole tiles of them
    bf16* right;        // this thread's: [block, depth]
    bf16* band;         // this thread's, of a block's rows; null where there is none
    bf16* pairs;        // this thread's: the same in panels of pairs
    bf16* gradient;     // this thread's: [terms, block, count] of floats
    bf16* left;         // this thread's: [terms, whole tiles of count, block]
    float* block_sums;  // this thread's: [count]
    float* weight;      // [whole tiles of count, whole panels of depth]: this task's part; null if unwanted
    float* bias;        // [count]; null if unwanted

    int64_t left_term() const { return round_up(count, tile_rows) * block; }
};

}  // namespace vitrine::cpu::amx
#endif

HWY_BEFORE_NAMESPACE();
namespace vitrine::cpu::HWY_NAMESPACE {
namespace {

/// Rows of a source, in a thread's own memory.
template <class From, class To>
void gather(const RowSource<From>& source, int64_t first, int64_t rows, To* band, To* to, int64_t stride) {
    if (band == nullptr) return gather_rows(source, first, rows, to, stride);
    fill_band(source, first, rows, band);
    gather_rows_of_band(source, first, rows, band, to, stride);
}

/// The left matrix of a task; a second term lies whole_rows() rows behind the first.
RowsOf<const bf16> left_rows(const amx::ProductTask<bf16>& task) {
    const RowSource<bf16>& source = task.source;
    // As they lie there, if whole tiles can be read.
    if (source.plain() && source.rows_are_pixels() && task.depth() == task.matrix.depth &&
        task.rows == task.whole_rows())
        return {source.pixels + task.first_row * source.channels + source.first_channel, source.channels};
    gather(source, task.first_row, task.rows, task.band, task.left, task.depth());
    return {task.left, task.depth()};
}

RowsOf<const bf16> left_rows(const amx::ProductTask<float>& task) {
    const int64_t depth = task.depth(), term = task.whole_rows() * depth;
    gather(task.source, task.first_row, task.rows, task.band, task.gathered, task.matrix.depth);
    for (int64_t row = 0; row < task.rows; ++row) {
        bf16* high = task.left + row * depth;
        split_row(task.gathered + row * task.matrix.depth, task.matrix.depth, high, high + term);
        for (bf16* end : {high, high + term}) zero_row(depth - task.matrix.depth, end + task.matrix.depth);
    }
    return {task.left, depth};
}

template <class From>
void run_product_task(const amx::ProductTask<From>& task) {
    const amx::PairsMatrix& matrix = task.matrix;
    const RowSink<bf16>& sink = task.sink;
    const RowsOf<const bf16> left = left_rows(task);
    const RowsOf<float> result{task.result, amx::panel_columns};
    const amx::Registers registers;
    for (int64_t panel = task.first_panel; panel < task.end_panel; ++panel) {
        const int64_t column = panel * amx::panel_columns, width = matrix.width(panel);
        const int64_t channel = sink.first_channel + column;
        amx::multiply({left.data, left.stride, task.whole_rows(), matrix.panel(panel), task.depth(),
                       result.data, result.stride, false, amx::ProductTask<From>::terms,
                       task.whole_rows() * task.depth()});
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

/// The task's columns of the gradient's rows of a block, columns as rows.
void transpose_gradient(const amx::OuterTask<bf16>& task, const bf16* gradient, int64_t rows) {
    amx::transpose(gradient, task.product.stride, rows, task.count, task.left, task.block);
}

void transpose_gradient(const amx::OuterTask<float>& task, const float* gradient, int64_t rows) {
    const int64_t term = task.block * task.count;
    for (int64_t row = 0; row < rows; ++row) {
        bf16* high = task.gradient + row * task.count;
        split_row(gradient + row * task.product.stride, task.count, high, high + term);
    }
    amx::transpose(task.gradient, task.count, rows, task.count, task.left, task.block);
    amx::transpose(task.gradient + term, task.count, rows, task.count, task.left + task.left_term(),
                   task.block);
}

/// One block of rows, added to the task's part.
template <class G>
void multiply_outer(const amx::OuterTask<G>& task, int64_t first_row, int64_t rows) {
    const int64_t depth = task.product.source.depth();
    const int64_t padded = round_up(depth, amx::panel_columns);
    const int64_t padded_rows = round_up(rows, amx::tile_depth);
    gather(task.product.source, first_row, rows, task.band, task.right, depth);
    amx::pack_rows(task.right, depth, rows, depth, task.pairs);
    const int64_t corner = first_row * task.product.stride + task.product.first + task.first;
    transpose_gradient(task, task.product.gradient + corner, rows);
    const amx::Registers registers;
    for (int64_t column = 0; column < padded; column += amx::panel_columns) {
        amx::multiply({task.left, task.block, round_up(task.count, amx::tile_rows),
                       task.pairs + column * padded_rows, padded_rows, task.weight + column, padded,
                       first_row > task.first_row, amx::terms_of<G>, task.left_term()});
    }
}

template <class G>
void run_outer_task(const amx::OuterTask<G>& task) {
    const OuterProduct<bf16, G>& product = task.product;
    const int64_t end = task.first_row + task.rows;
    if (task.bias != nullptr) zero_row(task.count, task.bias);
    for (int64_t row = task.first_row; row < end; row += task.block) {
        const int64_t rows = std::min(task.block, end - row);
        if (task.weight != nullptr) multiply_outer(task, row, rows);
        if (task.bias != nullptr) {
            column_sums(product.gradient + row * product.stride + product.first + task.first, rows,
                        task.count, product.stride, task.block_sums);
            add_row(task.block_sums, task.count, task.bias);
        }
    }
}

void run_product_bf16(const amx::ProductTask<bf16>& task) { run_product_task(task); }
void run_product_f32(const amx::ProductTask<float>& task) { run_product_task(task); }
void run_outer_bf16(const amx::OuterTask<bf16>& task) { run_outer_task(task); }
void run_outer_f32(const amx::OuterTask<float>& task) { run_outer_task(task); }

}  // namespace
}  // namespace vitrine::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace vitrine::cpu {
namespace {

HWY_EXPORT(run_product_bf16);
HWY_EXPORT(run_product_f32);
HWY_EXPORT(run_outer_bf16);
HWY_EXPORT(run_outer_f32);

void run(const amx::ProductTask<bf16>& task) { HWY_DYNAMIC_DISPATCH(run_product_bf16)(task); }
void run(const amx::ProductTask<float>& task) { HWY_DYNAMIC_DISPATCH(run_product_f32)(task); }
void run(const amx::OuterTask<bf16>& task) { HWY_DYNAMIC_DISPATCH(run_outer_bf16)(task); }
void run(const amx::OuterTask<float>& task) { HWY_DYNAMIC_DISPATCH(run_outer_f32)(task); }

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

template <class From>
void product(const RowSource<From>& source, const PairsMatrix& matrix, const RowSink<bf16>& sink,
             Context& context) {
    const Chunks chunks = tile_chunks(source.rows(), matrix.depth);
    const int64_t panels = matrix.panels();
    const bool stream = streams(sink, matrix.columns, source.rows());
    const int64_t splits =
        stream ? 1 : std::clamp<int64_t>(ceil_divide(wanted_tasks, chunks.count()), 1, panels);
    const int64_t room = round_up(chunks.size, tile_rows);
    const bool banded = source.banded(chunks.size);
    constexpr int64_t terms = ProductTask<From>::terms, widest_vector = 64 / sizeof(From);
    const PerThread<From> gathered(context, terms > 1 ? room * matrix.depth + widest_vector : 0);
    const PerThread<From> band(context, banded ? source.band_elements(chunks.size) + widest_vector : 0);
    const PerThread<bf16> left(context, terms * room * round_up(matrix.depth, tile_depth) + widest_vector);
    const PerThread<float> result(context, room * panel_columns);
    const PerThread<bf16> staged(context, stream ? room * matrix.columns : 0);
    parallel_for(chunks.count() * splits, [&](int64_t index) {
        const int64_t chunk = index / splits, split = index % splits;
        const int64_t first = chunks.begin(chunk);
        run(ProductTask<From>{source, matrix, sink, chunk, first, chunks.end(chunk) - first,
                              panels * split / splits, panels * (split + 1) / splits, gathered.mine(),
                              banded ? band.mine() : nullptr, left.mine(), result.mine(),
                              stream ? staged.mine() : nullptr});
    });
}

/// Chunks whose partial results together are small beside the matrices that are read.
Chunks outer_chunks(int64_t rows, int64_t depth, int64_t count) {
    const int64_t affordable = rows * (depth + count) / (8 * depth * count);
    return Chunks::of(rows, 256, std::clamp<int64_t>(affordable, 1, 64));
}

template <class G>
void outer_product(const OuterProduct<bf16, G>& task, Context& context) {
    const int64_t depth = task.source.depth(), padded = round_up(depth, panel_columns);
    const Chunks chunks = outer_chunks(task.source.rows(), depth, task.count);
    const int64_t splits =
        std::clamp<int64_t>(ceil_divide(wanted_tasks, chunks.count()), 1, ceil_divide(task.count, 64));
    const Chunks columns{task.count, round_up(ceil_divide(task.count, splits), tile_rows)};
    const int64_t block =
        std::clamp<int64_t>(4 * tile_elements / (2 * depth + 2 * columns.size) / 32 * 32, 32, 512);

    const int64_t part = round_up(task.count, tile_rows) * padded;
    float* weights = task.weight ? context.scratch.take<float>(chunks.count() * part) : nullptr;
    float* biases = task.bias ? context.scratch.take<float>(chunks.count() * task.count) : nullptr;
    const bool banded = task.source.banded(block);
    constexpr int64_t widest_vector = 64 / sizeof(bf16);
    const PerThread<bf16> right(context, block * depth + widest_vector);
    const PerThread<bf16> band(context, banded ? task.source.band_elements(block) + widest_vector : 0);
    const PerThread<bf16> pairs(context, block * padded);
    const PerThread<bf16> gradient(context, terms_of<G> > 1 ? terms_of<G> * block * columns.size : 0);
    const PerThread<bf16> left(context, terms_of<G> * block * round_up(columns.size, tile_rows));
    const PerThread<float> sums(context, columns.size);
    parallel_for(chunks.count() * columns.count(), [&](int64_t index) {
        const int64_t chunk = index / columns.count();
        const int64_t first = columns.begin(index % columns.count());
        const int64_t count = columns.end(index % columns.count()) - first;
        run(OuterTask<G>{task, chunks.begin(chunk), chunks.end(chunk) - chunks.begin(chunk), first, count,
                         block, right.mine(), banded ? band.mine() : nullptr, pairs.mine(), gradient.mine(),
                         left.mine(), sums.mine(),
                         weights == nullptr ? nullptr : weights + chunk * part + first * padded,
                         biases == nullptr ? nullptr : biases + chunk * task.count + first});
    });

    if (weights != nullptr)
        combine_outer_parts(weights, chunks.count(), part, task.count, depth, padded, task.weight);
    if (biases != nullptr)
        combine_outer_parts(biases, chunks.count(), task.count, 1, task.count, task.count, task.bias);
}

template void product(const RowSource<bf16>&, const PairsMatrix&, const RowSink<bf16>&, Context&);
template void product(const RowSource<float>&, const PairsMatrix&, const RowSink<bf16>&, Context&);
template void outer_product(const OuterProduct<bf16, bf16>&, Context&);
template void outer_product(const OuterProduct<bf16, float>&, Context&);

}  // namespace amx
}  // namespace vitrine::cpu
#endif

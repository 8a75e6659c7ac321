// The outer product of bf16 by tile registers: see gemm_amx.h.
//
// One of the two matrices has to be turned round, and of the other pairs of rows are wanted. Turning is the dearer, so it is
// the one with fewer columns, and D is summed as it is or as its transpose.

#include "kernels/cpu/channel_sums.h"
#include "kernels/cpu/gemm_amx.h"
#include "kernels/cpu/per_thread.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/gemm_amx_outer.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "kernels/cpu/amx_rows-inl.h"

#ifndef VITRINE_KERNELS_CPU_GEMM_AMX_OUTER_ONCE
#define VITRINE_KERNELS_CPU_GEMM_AMX_OUTER_ONCE
namespace vitrine::cpu::amx {

/// What all tasks share.
struct OuterProductPlan {
    const OuterProduct<bf16, bf16>& product;
    const Terms& given;  // of the gradient
    Chunks chunks;       // of rows
    Chunks columns;      // of the gradient: a task has some of both
    int64_t block;       // rows that are multiplied at a time, whole tiles of them

    int64_t depth() const { return product.source.depth(); }
    bool splits_gradient() const { return product.epilogue.y != nullptr; }
    int64_t terms() const { return splits_gradient() ? 2 : given.count; }
    /// Of a gradient that is split here: [block, columns], and room for a vector.
    int64_t split_term() const { return block * columns.size + widest_vector; }

    bool turns_source() const { return depth() < columns.size; }
    int64_t left_columns() const { return turns_source() ? depth() : columns.size; }
    int64_t right_columns() const { return turns_source() ? columns.size : depth(); }
    int64_t left_terms() const { return turns_source() ? 1 : terms(); }
    int64_t right_terms() const { return turns_source() ? terms() : 1; }
    /// Half a line more than the block, or rows of tiles would meet in the same sets of the cache.
    int64_t turned_stride() const { return block + tile_depth; }
    int64_t turned_term() const { return round_up(left_columns(), tile_rows) * turned_stride(); }
    int64_t pairs_term() const { return pairs_elements(block, right_columns()); }

    /// D or its transpose, as a chunk leaves it: [whole tiles of rows, stride].
    int64_t stride() const { return round_up(turns_source() ? product.count : depth(), panel_columns); }
    int64_t part() const { return round_up(turns_source() ? depth() : product.count, tile_rows) * stride(); }
    int64_t first_of(int64_t column) const { return turns_source() ? column : column * stride(); }
};

/// A thread's own memory.
struct OuterMemory {
    bf16* gathered;  // [block, depth]
    bf16* band;      // of a block's rows; null where there is none
    bf16* split;     // [2, split_term]; null where the gradient is in terms already
    bf16* turned;    // [left_terms, turned_term]
    bf16* pairs;     // [right_terms, pairs_term]
    float* sums;     // [columns]
};

/// Rows and columns of the gradient, and where their sums go; either may be unwanted.
struct OuterTask {
    const OuterProductPlan& plan;
    const OuterMemory& memory;
    Range rows;
    Range columns;
    float* weight;
    float* bias;
};

}  // namespace vitrine::cpu::amx
#endif

HWY_BEFORE_NAMESPACE();
namespace vitrine::cpu::HWY_NAMESPACE {
namespace {

/// One operand of a block.
struct OuterOperand {
    RowsOf<const bf16> rows;
    int64_t columns;
    amx::Terms terms{};
};

OuterOperand outer_source(const amx::OuterTask& task, Range rows) {
    const RowSource<bf16>& source = task.plan.product.source;
    const int64_t depth = source.depth();
    if (source.plain() && source.rows_are_pixels())
        return {{source.pixels + rows.begin * source.channels + source.first_channel, source.channels},
                depth};
    gather_tile_rows(source, rows.begin, rows.count(), task.memory.band, task.memory.gathered, depth);
    return {{task.memory.gathered, depth}, depth};
}

OuterOperand outer_gradient(const amx::OuterTask& task, Range rows) {
    const OuterProduct<bf16, bf16>& product = task.plan.product;
    const EpiloguePart<bf16>& epilogue = product.epilogue;
    const int64_t channel = product.first + task.columns.begin, count = task.columns.count();
    const int64_t first = rows.begin * product.stride + channel;
    if (!task.plan.splits_gradient())
        return {{product.gradient + first, product.stride}, count, task.plan.given};
    bf16 *high = task.memory.split, *low = high + task.plan.split_term();
    for (int64_t row = 0; row < rows.count(); ++row) {
        const int64_t at = first + row * product.stride;
        split_gradient_row(product.gradient + at, epilogue.y + at, count,
                           {epilogue.level + channel, epilogue.slope + channel, epilogue.mean + channel},
                           high + row * count, low + row * count);
    }
    return {{high, count}, count, {2, low - high}};
}

/// Added to the task's part of D.
void multiply_outer(const amx::OuterTask& task, const OuterOperand& gradient, Range rows) {
    const amx::OuterProductPlan& plan = task.plan;
    const OuterOperand source = outer_source(task, rows);
    const OuterOperand left = plan.turns_source() ? source : gradient;
    const OuterOperand right = plan.turns_source() ? gradient : source;
    for (int64_t term = 0; term < left.terms.count; ++term)
        amx::transpose(left.rows.data + term * left.terms.distance, left.rows.stride, rows.count(),
                       left.columns, task.memory.turned + term * plan.turned_term(), plan.turned_stride());
    for (int64_t term = 0; term < right.terms.count; ++term)
        amx::pack_rows(right.rows.data + term * right.terms.distance, right.rows.stride, rows.count(),
                       right.columns, task.memory.pairs + term * plan.pairs_term());
    const int64_t depth = round_up(rows.count(), amx::tile_depth);
    const amx::Registers registers;
    for (int64_t column = 0; column < right.columns; column += amx::panel_columns) {
        amx::multiply({.a = task.memory.turned,
                       .a_stride = plan.turned_stride(),
                       .rows = round_up(left.columns, amx::tile_rows),
                       .pairs = task.memory.pairs + column * depth,
                       .depth = depth,
                       .c = task.weight + column,
                       .c_stride = plan.stride(),
                       .add = rows.begin > task.rows.begin,
                       .terms = plan.terms(),
                       .a_term = plan.left_terms() > 1 ? plan.turned_term() : 0,
                       .pairs_term = plan.right_terms() > 1 ? plan.pairs_term() : 0});
    }
}

void add_bias(const amx::OuterTask& task, const OuterOperand& gradient, int64_t rows) {
    for (int64_t term = 0; term < gradient.terms.count; ++term) {
        column_sums(gradient.rows.data + term * gradient.terms.distance, rows, gradient.columns,
                    gradient.rows.stride, task.memory.sums);
        add_row(task.memory.sums, gradient.columns, task.bias);
    }
}

void run_outer_task(const amx::OuterTask& task) {
    if (task.bias != nullptr) zero_row(task.columns.count(), task.bias);
    for (int64_t row = task.rows.begin; row < task.rows.end; row += task.plan.block) {
        const Range rows{row, std::min(row + task.plan.block, task.rows.end)};
        const OuterOperand gradient = outer_gradient(task, rows);
        if (task.weight != nullptr) multiply_outer(task, gradient, rows);
        if (task.bias != nullptr) add_bias(task, gradient, rows.count());
    }
}

}  // namespace
}  // namespace vitrine::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace vitrine::cpu {
namespace {

HWY_EXPORT(run_outer_task);

}  // namespace

namespace amx {
namespace {

OuterProductPlan plan_of(const OuterProduct<bf16, bf16>& product, const Terms& given) {
    const int64_t depth = product.source.depth();
    const Chunks chunks = outer_chunks(product.source.rows(), depth, product.count);
    const int64_t splits =
        std::clamp<int64_t>(ceil_divide(wanted_tasks, chunks.count()), 1, ceil_divide(product.count, 64));
    const Chunks columns{product.count, round_up(ceil_divide(product.count, splits), panel_columns)};
    const int64_t block = 4 * tile_elements / (2 * depth + 2 * columns.size) / 32 * 32;
    return {product, given, chunks, columns, std::clamp<int64_t>(block, 32, 512)};
}

}  // namespace

void outer_product(const OuterProduct<bf16, bf16>& wanted, const Terms& terms, Context& context) {
    OuterProduct<bf16, bf16> product = wanted;
    const OuterProductPlan plan = plan_of(product, terms);
    const int64_t chunks = plan.chunks.count(), columns = plan.columns.count();
    product.source = made_once(product.source, columns, context);

    float* weights = product.weight ? context.scratch.take<float>(chunks * plan.part()) : nullptr;
    float* biases = product.bias ? context.scratch.take<float>(chunks * product.count) : nullptr;
    const bool banded = product.source.banded(plan.block);
    const PerThread<bf16> gathered(context, plan.block * plan.depth() + widest_vector);
    const PerThread<bf16> band(context,
                               banded ? product.source.band_elements(plan.block) + widest_vector : 0);
    const PerThread<bf16> split(context, plan.splits_gradient() ? 2 * plan.split_term() : 0);
    const PerThread<bf16> turned(context, plan.left_terms() * plan.turned_term());
    const PerThread<bf16> pairs(context, plan.right_terms() * plan.pairs_term());
    const PerThread<float> sums(context, plan.columns.size);
    parallel_for(chunks * columns, [&](int64_t index) {
        const int64_t chunk = index / columns;
        const Range mine = plan.columns.range(index % columns);
        float* weight =
            weights == nullptr ? nullptr : weights + chunk * plan.part() + plan.first_of(mine.begin);
        float* bias = biases == nullptr ? nullptr : biases + chunk * product.count + mine.begin;
        const OuterMemory memory{gathered.mine(), banded ? band.mine() : nullptr,
                                 split.mine(),    turned.mine(),
                                 pairs.mine(),    sums.mine()};
        HWY_DYNAMIC_DISPATCH(run_outer_task)
        (OuterTask{plan, memory, plan.chunks.range(chunk), mine, weight, bias});
    });

    const int64_t count = product.count, depth = plan.depth();
    if (weights != nullptr && plan.turns_source()) {
        combine_turned(weights, chunks, plan.part(), depth, count, plan.stride(), product.weight);
    } else if (weights != nullptr) {
        combine_outer_parts(weights, chunks, plan.part(), count, depth, plan.stride(), product.weight);
    }
    if (biases != nullptr) combine_outer_parts(biases, chunks, count, 1, count, count, product.bias);
}

}  // namespace amx
}  // namespace vitrine::cpu
#endif

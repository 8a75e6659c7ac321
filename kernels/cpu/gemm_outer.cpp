// The outer product over the pixels of images: a weight's gradient, in parts that are added up in their order.

#include "kernels/cpu/gemm.h"
#include "kernels/cpu/per_thread.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/gemm_outer.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "kernels/cpu/conv_parts-inl.h"
#include "kernels/cpu/gemm-inl.h"
#include "kernels/cpu/gemm_gather-inl.h"

#ifndef VITRINE_KERNELS_CPU_GEMM_OUTER_TASKS
#define VITRINE_KERNELS_CPU_GEMM_OUTER_TASKS
namespace vitrine::cpu {

/// Rows [first_row, first_row + rows) and columns [first, first + count) of an outer product.
template <class T, class G>
struct OuterTask {
    const OuterProduct<T, G>& product;
    PanelLayout layout;  // of the source's depth
    int64_t first_row;
    int64_t rows;
    int64_t first;
    int64_t count;
    int64_t block;            // rows that are multiplied at a time
    Accumulate<T>* left;      // this thread's: [block, padded depth]
    Accumulate<T>* band;      // this thread's, of a block's rows; null where there is none
    Accumulate<T>* gradient;  // this thread's: [block, count]; unused where it is multiplied as it lies there
    Accumulate<T>* block_sums;  // this thread's: [count]
    Accumulate<T>* weight;      // [count, padded depth]: this task's part; null if unwanted
    Accumulate<T>* bias;        // [count]; null if unwanted
    bool at_once;               // the part is the gradient itself, which lies in memory
};

/// Rows [first, first + count) of a gradient, as the sum of parts, each [rows, padded] and part_size elements after the last.
template <class T>
struct PartialSums {
    const T* partial;
    int64_t parts;
    int64_t part_size;
    int64_t columns;
    int64_t padded;
    int64_t first;
    int64_t count;
    Gradient out;  // [rows, columns]
};

/// What rows and gradients are stored in: RUN(name, T, G).
#define VITRINE_OUTER_TYPES(RUN)       \
    RUN(run_f32, float, float)         \
    RUN(run_f64, double, double)       \
    RUN(run_bf16, bf16, bf16)          \
    RUN(run_f16, f16, f16)             \
    RUN(run_bf16_and_f32, bf16, float) \
    RUN(run_f16_and_f32, f16, float)

}  // namespace vitrine::cpu
#endif

HWY_BEFORE_NAMESPACE();
namespace vitrine::cpu::HWY_NAMESPACE {

/// The source's rows of a block.
template <class T, class G>
RowsOf<const Accumulate<T>> right_rows(const OuterTask<T, G>& task, int64_t first_row, int64_t rows) {
    const RowSource<T>& source = task.product.source;
    const int64_t padded = task.layout.padded();
    if constexpr (!is_half_type<T>) {
        if (source.direct() && source.depth() == padded)
            return {source.pixels + first_row * source.channels + source.first_channel, source.channels};
    }
    if (task.band != nullptr) {
        fill_band(source, first_row, rows, task.band);
        gather_rows_of_band(source, first_row, rows, task.band, task.left, padded);
    } else {
        gather_rows(source, first_row, rows, task.left, padded);
    }
    return {task.left, padded};
}

/// The task's columns of the gradient's rows of a block.
template <class T, class G>
RowsOf<const Accumulate<T>> gradient_rows(const OuterTask<T, G>& task, int64_t first_row, int64_t rows) {
    const OuterProduct<T, G>& product = task.product;
    const int64_t first = product.first + task.first, offset = first_row * product.stride + first;
    const G* gradient = product.gradient + offset;
    if (const EpiloguePart<G>& part = product.epilogue; part.y != nullptr) {
        epilogue_gradient_rows<G, Accumulate<G>>(
            {gradient, product.stride}, {part.y + offset, product.stride}, rows, part.level + first,
            part.slope + first, part.mean + first, task.count, {task.gradient, task.count});
        return {task.gradient, task.count};
    }
    if constexpr (!is_half_type<G>) {
        return {gradient, product.stride};
    } else {
        for (int64_t row = 0; row < rows; ++row)
            copy_row(gradient + row * product.stride, task.count, task.gradient + row * task.count);
        return {task.gradient, task.count};
    }
}

/// One block of rows of an outer product, added to the task's part.
template <class T, class G>
void multiply_outer(const OuterTask<T, G>& task, RowsOf<const Accumulate<T>> left, int64_t first_row,
                    int64_t rows) {
    using A = Accumulate<T>;
    const RowSource<T>& source = task.product.source;
    const int64_t padded = task.layout.padded();
    const RowsOf<const A> right = right_rows(task, first_row, rows);
    const G* gradient =
        task.product.gradient + first_row * task.product.stride + task.product.first + task.first;
    // While this block is multiplied, the next one is fetched: what a step asks for is its share of a row.
    const int64_t stride = task.product.stride;
    const int64_t steps_a_row = std::max<int64_t>(1, task.count / tile_rows) * task.layout.count();
    Prefetch soon[2]{
        {gradient + rows * stride, ceil_divide(stride, steps_a_row)},
        {source.pixels + (first_row + rows) * source.channels, ceil_divide(source.channels, steps_a_row)}};
    if (task.count != stride) soon[0].step = 0;
    if (!source.direct()) soon[1].step = 0;
    with_vectors_of<A>(task.layout, [&](auto d) HWY_ATTR {
        for (int64_t panel = 0; panel < task.layout.count(); ++panel) {
            const int64_t column = task.layout.first_column(panel);
            const RegisterTile<A> tile{rows,
                                       left.data,
                                       1,
                                       left.stride,
                                       right.data + column,
                                       right.stride,
                                       nullptr,
                                       task.weight + column,
                                       padded,
                                       first_row > task.first_row ? Store::add : Store::write,
                                       {soon[0], soon[1]},
                                       1,
                                       0,
                                       task.at_once && first_row == task.first_row};
            multiply_panel_of<LeftOrder::columns>(d, task.layout.width(panel) / task.layout.lanes, tile,
                                                  task.count);
            for (Prefetch& next : soon) next.advance(task.count / tile_rows * rows);
        }
    });
}

template <class T, class G>
void run_outer_task(const OuterTask<T, G>& task) {
    const int64_t end = task.first_row + task.rows;
    if (task.bias != nullptr) zero_row(task.count, task.bias);
    for (int64_t row = task.first_row; row < end; row += task.block) {
        const int64_t rows = std::min(task.block, end - row);
        const RowsOf<const Accumulate<T>> gradient = gradient_rows(task, row, rows);
        if (task.weight != nullptr) multiply_outer(task, gradient, row, rows);
        if (task.bias != nullptr) {
            column_sums(gradient.data, rows, task.count, gradient.stride, task.block_sums);
            add_row(task.block_sums, task.count, task.bias);
        }
    }
}

template <class T>
void combine_partial_sums(const PartialSums<T>& sums) {
    T* out = static_cast<T*>(sums.out.data);
    const bool accumulate = sums.out.mode == GradMode::accumulate;
    for (int64_t row = sums.first; row < sums.first + sums.count; ++row) {
        for_each_vector<T>(sums.columns, [&](auto vector, int64_t c) HWY_ATTR {
            const T* partial = sums.partial + row * sums.padded + c;
            auto total = vector.load(partial);
            for (int64_t part = 1; part < sums.parts; ++part) {
                total = hn::Add(total, vector.load(partial + part * sums.part_size));
            }
            T* to = out + row * sums.columns + c;
            vector.store(accumulate ? hn::Add(vector.load(to), total) : total, to);
        });
    }
}

#define VITRINE_RUN(name, T, G) \
    void name(const OuterTask<T, G>& task) { run_outer_task(task); }
VITRINE_OUTER_TYPES(VITRINE_RUN)
#undef VITRINE_RUN

void combine_f32(const PartialSums<float>& sums) { combine_partial_sums(sums); }
void combine_f64(const PartialSums<double>& sums) { combine_partial_sums(sums); }

}  // namespace vitrine::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace vitrine::cpu {
namespace {

#define VITRINE_RUN(name, T, G) \
    HWY_EXPORT(name);           \
    void run_outer_task(const OuterTask<T, G>& task) { HWY_DYNAMIC_DISPATCH(name)(task); }
VITRINE_OUTER_TYPES(VITRINE_RUN)
#undef VITRINE_RUN

HWY_EXPORT(combine_f32);
HWY_EXPORT(combine_f64);

void combine_partial_sums(const PartialSums<float>& sums) { HWY_DYNAMIC_DISPATCH(combine_f32)(sums); }
void combine_partial_sums(const PartialSums<double>& sums) { HWY_DYNAMIC_DISPATCH(combine_f64)(sums); }

}  // namespace

Chunks outer_chunks(int64_t rows, int64_t depth, int64_t count) {
    const int64_t affordable = rows * (depth + count) / (8 * depth * count);
    return Chunks::of(rows, 256, std::clamp<int64_t>(affordable, 1, 64));
}

template <class T>
void combine_outer_parts(const T* parts, int64_t count, int64_t part_size, int64_t rows, int64_t columns,
                         int64_t padded, const Gradient& out) {
    const Chunks shares{rows, std::max<int64_t>(1, tile_elements / (padded * count))};
    parallel_for(shares.count(), [&](int64_t share) {
        const int64_t first = shares.begin(share);
        combine_partial_sums(
            PartialSums<T>{parts, count, part_size, columns, padded, first, shares.end(share) - first, out});
    });
}

template <class T, class G>
void outer_product(const OuterProduct<T, G>& product, Context& context) {
    using A = Accumulate<T>;
    OuterProduct<T, G> task = product;
    const int64_t depth = task.source.depth();
    const PanelLayout layout = panel_layout(dtype_of<A>, depth);
    const int64_t rows = task.source.rows();
    const Chunks chunks = outer_chunks(rows, depth, task.count);
    const int64_t splits =
        std::clamp<int64_t>(ceil_divide(wanted_tasks, chunks.count()), 1, ceil_divide(task.count, 32));
    const Chunks columns{task.count, ceil_divide(ceil_divide(task.count, splits), 8) * 8};
    if constexpr (!is_half_type<T>) task.source = made_once(task.source, columns.count(), context);
    const int64_t block = std::clamp<int64_t>(tile_elements / (depth + columns.size) / 8 * 8, 16, 128);

    const int64_t part = task.count * layout.padded();
    // Of a single part nothing is added up. Where it is added to what is there, it is summed by itself first, whatever its padding.
    const bool at_once =
        task.weight && task.weight.mode == GradMode::write && chunks.count() == 1 && layout.padded() == depth;
    A* weights = at_once       ? static_cast<A*>(task.weight.data)
                 : task.weight ? context.scratch.take<A>(chunks.count() * part)
                               : nullptr;
    A* biases = task.bias ? context.scratch.take<A>(chunks.count() * task.count) : nullptr;
    const bool banded = task.source.banded(block);
    constexpr int64_t widest_vector = 64 / sizeof(A);
    const PerThread<A> left(context, block * layout.padded() + widest_vector);
    const PerThread<A> band(context, banded ? task.source.band_elements(block) + widest_vector : 0);
    const bool makes_gradient = is_half_type<G> || task.epilogue.y != nullptr;
    const PerThread<A> gradient(context, makes_gradient ? block * columns.size : 0);
    const PerThread<A> sums(context, columns.size);
    parallel_for(chunks.count() * columns.count(), [&](int64_t index) {
        const int64_t chunk = index / columns.count();
        const int64_t first = columns.begin(index % columns.count());
        const int64_t count = columns.end(index % columns.count()) - first;
        run_outer_task(OuterTask<T, G>{
            task, layout, chunks.begin(chunk), chunks.end(chunk) - chunks.begin(chunk), first, count, block,
            left.mine(), banded ? band.mine() : nullptr, gradient.mine(), sums.mine(),
            weights == nullptr ? nullptr : weights + chunk * part + first * layout.padded(),
            biases == nullptr ? nullptr : biases + chunk * task.count + first, at_once});
    });

    if (weights != nullptr && !at_once)
        combine_outer_parts(weights, chunks.count(), part, task.count, depth, layout.padded(), task.weight);
    if (biases != nullptr)
        combine_outer_parts(biases, chunks.count(), task.count, 1, task.count, task.count, task.bias);
}

template void combine_outer_parts(const float*, int64_t, int64_t, int64_t, int64_t, int64_t, const Gradient&);
template void combine_outer_parts(const double*, int64_t, int64_t, int64_t, int64_t, int64_t,
                                  const Gradient&);
template void outer_product(const OuterProduct<float, float>&, Context&);
template void outer_product(const OuterProduct<double, double>&, Context&);
template void outer_product(const OuterProduct<bf16, bf16>&, Context&);
template void outer_product(const OuterProduct<f16, f16>&, Context&);
template void outer_product(const OuterProduct<bf16, float>&, Context&);
template void outer_product(const OuterProduct<f16, float>&, Context&);

}  // namespace vitrine::cpu
#endif

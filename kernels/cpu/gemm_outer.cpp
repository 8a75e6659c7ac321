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
template <class T>
struct OuterTask {
    const OuterProduct<T>& product;
    PanelLayout layout;  // of the source's depth
    int64_t first_row;
    int64_t rows;
    int64_t first;
    int64_t count;
    int64_t block;  // rows that are multiplied at a time
    T* left;        // this thread's: [block, padded depth]
    T* block_sums;  // this thread's: [count]
    T* weight;      // [count, padded depth]: this task's part; null if unwanted
    T* bias;        // [count]; null if unwanted
};

/// Rows [first, first + count) of a gradient, as the sum of parts: [parts, rows, padded].
template <class T>
struct PartialSums {
    const T* partial;
    int64_t parts;
    int64_t rows;
    int64_t columns;
    int64_t padded;
    int64_t first;
    int64_t count;
    Gradient out;  // [rows, columns]
};

}  // namespace vitrine::cpu
#endif

HWY_BEFORE_NAMESPACE();
namespace vitrine::cpu::HWY_NAMESPACE {

/// One block of rows of an outer product, added to the task's part.
template <class T>
void multiply_outer(const OuterTask<T>& task, int64_t first_row, int64_t rows) {
    const RowSource<T>& source = task.product.source;
    const int64_t padded = task.layout.padded();
    RowsOf<const T> right{task.left, padded};
    if (source.direct() && source.depth() == padded) {
        right = {source.pixels + first_row * source.channels + source.first_channel, source.channels};
    } else {
        gather_rows(source, first_row, rows, task.left, padded);
    }
    const T* gradient =
        task.product.gradient + first_row * task.product.stride + task.product.first + task.first;
    // While this block is multiplied, the next one is fetched: what a step asks for is its share of a row.
    const int64_t stride = task.product.stride;
    const int64_t steps_a_row = std::max<int64_t>(1, task.count / tile_rows) * task.layout.count();
    Prefetch<T> soon[2]{
        {gradient + rows * stride, ceil_divide(stride, steps_a_row)},
        {source.pixels + (first_row + rows) * source.channels, ceil_divide(source.channels, steps_a_row)}};
    if (task.count != stride) soon[0].step = 0;
    if (!source.direct()) soon[1].step = 0;
    with_vectors_of<T>(task.layout, [&](auto d) HWY_ATTR {
        for (int64_t panel = 0; panel < task.layout.count(); ++panel) {
            const int64_t column = task.layout.first_column(panel);
            const RegisterTile<T> tile{rows,
                                       gradient,
                                       1,
                                       task.product.stride,
                                       right.data + column,
                                       right.stride,
                                       nullptr,
                                       task.weight + column,
                                       padded,
                                       first_row > task.first_row ? Store::add : Store::write,
                                       {soon[0], soon[1]}};
            multiply_panel_of<LeftOrder::columns>(d, task.layout.width(panel) / task.layout.lanes, tile,
                                                  task.count);
            for (Prefetch<T>& next : soon) next.at += task.count / tile_rows * rows * next.step;
        }
    });
}

template <class T>
void run_outer_task(const OuterTask<T>& task) {
    const int64_t end = task.first_row + task.rows;
    if (task.bias != nullptr) zero_row(task.count, task.bias);
    for (int64_t row = task.first_row; row < end; row += task.block) {
        const int64_t rows = std::min(task.block, end - row);
        if (task.weight != nullptr) multiply_outer(task, row, rows);
        if (task.bias != nullptr) {
            const OuterProduct<T>& product = task.product;
            column_sums(product.gradient + row * product.stride + product.first + task.first, rows,
                        task.count, product.stride, task.block_sums);
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
                total = hn::Add(total, vector.load(partial + part * sums.rows * sums.padded));
            }
            T* to = out + row * sums.columns + c;
            vector.store(accumulate ? hn::Add(vector.load(to), total) : total, to);
        });
    }
}

#define VITRINE_FOR_BOTH(name, Task)                         \
    void name##_f32(const Task<float>& task) { name(task); } \
    void name##_f64(const Task<double>& task) { name(task); }
VITRINE_FOR_BOTH(run_outer_task, OuterTask)
VITRINE_FOR_BOTH(combine_partial_sums, PartialSums)
#undef VITRINE_FOR_BOTH

}  // namespace vitrine::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace vitrine::cpu {
namespace {

#define VITRINE_FOR_BOTH(name, Task)                                               \
    HWY_EXPORT(name##_f32);                                                        \
    HWY_EXPORT(name##_f64);                                                        \
    void name(const Task<float>& task) { HWY_DYNAMIC_DISPATCH(name##_f32)(task); } \
    void name(const Task<double>& task) { HWY_DYNAMIC_DISPATCH(name##_f64)(task); }
VITRINE_FOR_BOTH(run_outer_task, OuterTask)
VITRINE_FOR_BOTH(combine_partial_sums, PartialSums)
#undef VITRINE_FOR_BOTH

/// Chunks whose partial results together are small beside the matrices that are read.
Chunks outer_chunks(int64_t rows, int64_t depth, int64_t count) {
    const int64_t affordable = rows * (depth + count) / (8 * depth * count);
    return Chunks::of(rows, 256, std::clamp<int64_t>(affordable, 1, 64));
}

}  // namespace

template <class T>
void combine_outer_parts(const T* parts, int64_t count, int64_t rows, int64_t columns, int64_t padded,
                         const Gradient& out) {
    const Chunks shares{rows, std::max<int64_t>(1, tile_elements / (padded * count))};
    parallel_for(shares.count(), [&](int64_t share) {
        const int64_t first = shares.begin(share);
        combine_partial_sums(
            PartialSums<T>{parts, count, rows, columns, padded, first, shares.end(share) - first, out});
    });
}

template <class T>
void outer_product(const OuterProduct<T>& task, Context& context) {
    const int64_t depth = task.source.depth();
    const PanelLayout layout = panel_layout(dtype_of<T>, depth);
    const int64_t rows = task.source.rows();
    const Chunks chunks = outer_chunks(rows, depth, task.count);
    const int64_t splits =
        std::clamp<int64_t>(ceil_divide(wanted_tasks, chunks.count()), 1, ceil_divide(task.count, 32));
    const Chunks columns{task.count, ceil_divide(ceil_divide(task.count, splits), 8) * 8};
    const int64_t block = std::clamp<int64_t>(tile_elements / (depth + columns.size) / 8 * 8, 16, 128);

    const int64_t part = task.count * layout.padded();
    T* weights = task.weight ? context.scratch.take<T>(chunks.count() * part) : nullptr;
    T* biases = task.bias ? context.scratch.take<T>(chunks.count() * task.count) : nullptr;
    const PerThread<T> left(context, block * layout.padded());
    const PerThread<T> sums(context, columns.size);
    parallel_for(chunks.count() * columns.count(), [&](int64_t index) {
        const int64_t chunk = index / columns.count();
        const int64_t first = columns.begin(index % columns.count());
        const int64_t count = columns.end(index % columns.count()) - first;
        run_outer_task(
            OuterTask<T>{task, layout, chunks.begin(chunk), chunks.end(chunk) - chunks.begin(chunk), first,
                         count, block, left.mine(), sums.mine(),
                         weights == nullptr ? nullptr : weights + chunk * part + first * layout.padded(),
                         biases == nullptr ? nullptr : biases + chunk * task.count + first});
    });

    if (weights != nullptr)
        combine_outer_parts(weights, chunks.count(), task.count, depth, layout.padded(), task.weight);
    if (biases != nullptr) {
        combine_partial_sums(
            PartialSums<T>{biases, chunks.count(), 1, task.count, task.count, 0, 1, task.bias});
    }
}

template void combine_outer_parts(const float*, int64_t, int64_t, int64_t, int64_t, const Gradient&);
template void combine_outer_parts(const double*, int64_t, int64_t, int64_t, int64_t, const Gradient&);
template void outer_product(const OuterProduct<float>&, Context&);
template void outer_product(const OuterProduct<double>&, Context&);

}  // namespace vitrine::cpu
#endif

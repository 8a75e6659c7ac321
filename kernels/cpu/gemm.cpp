// Matrix products over the pixels of images: tiles, their order, and which thread takes which.

#include "kernels/cpu/gemm.h"

#include "kernels/cpu/per_thread.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/gemm.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "kernels/cpu/conv_parts-inl.h"
#include "kernels/cpu/gemm-inl.h"
#include "kernels/cpu/gemm_gather-inl.h"

#ifndef VITRINE_KERNELS_CPU_GEMM_TASKS
#define VITRINE_KERNELS_CPU_GEMM_TASKS
namespace vitrine::cpu {

constexpr int64_t ceil_divide(int64_t a, int64_t b) { return (a + b - 1) / b; }

/// Rows [first_row, first_row + rows) of a product, and panels [first_panel, end_panel) of its columns.
template <class T>
struct ProductTask {
    const RowSource<T>& source;
    const PackedMatrix<T>& matrix;
    const RowSink<T>& sink;
    int64_t chunk;
    int64_t first_row;
    int64_t rows;
    int64_t first_panel;
    int64_t end_panel;
    int64_t
        next_row;  // of the task that this thread, or another, will take when this one is done; or none: −1
    bool stream;   // the results go past the caches
    T* left;       // this thread's: [rows, depth]
    T* result;     // this thread's: [rows, padded columns]
};

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

/// Rows of numbers, `stride` apart.
template <class T>
struct RowBlock {
    T* data;
    int64_t stride;
};

template <class T>
RowBlock<const T> left_rows(const ProductTask<T>& task) {
    const RowSource<T>& source = task.source;
    if (source.direct()) {
        return {source.pixels + task.first_row * source.channels + source.first_channel, source.channels};
    }
    gather_rows(source, task.first_row, task.rows, task.left, source.depth());
    return {task.left, source.depth()};
}

/// The first column of the task, and how many it has.
template <class T>
int64_t first_column(const ProductTask<T>& task) {
    return task.matrix.layout.first_column(task.first_panel);
}

template <class T>
int64_t column_count(const ProductTask<T>& task) {
    const PanelLayout& layout = task.matrix.layout;
    return std::min(layout.columns, layout.first_column(task.end_panel)) - first_column(task);
}

/// Whether the register tiles can be stored where the sink wants them, whole vectors at a time.
template <class T>
bool stores_directly(const ProductTask<T>& task) {
    const PanelLayout& layout = task.matrix.layout;
    return task.sink.pixels != nullptr && task.sink.x == nullptr && task.sink.contiguous() &&
           layout.columns == layout.padded() && !(task.stream && task.sink.means != nullptr);
}

/// What is fetched while a task is multiplied: its own rows a little further on if they are read from memory itself, else
/// the pixels that a later task will gather.
template <class T>
Prefetch<T> fetched_meanwhile(const ProductTask<T>& task, RowBlock<const T> left) {
    const RowSource<T>& source = task.source;
    if (source.direct()) return {left.data + 2 * tile_rows * left.stride, tile_rows};
    if (task.next_row < 0) return {left.data, 0};
    const int64_t steps = ceil_divide(task.rows, tile_rows) * task.matrix.layout.count();
    return {source.pixels + task.next_row * source.channels, ceil_divide(task.rows, steps)};
}

template <class T>
void multiply(const ProductTask<T>& task, RowBlock<const T> left, RowBlock<T> result, Store store) {
    const PackedMatrix<T>& matrix = task.matrix;
    Prefetch<T> soon = fetched_meanwhile(task, left);
    with_vectors_of<T>(matrix.layout, [&](auto d) HWY_ATTR {
        for (int64_t panel = task.first_panel; panel < task.end_panel; ++panel) {
            const int64_t column = matrix.layout.first_column(panel);
            const int64_t width = matrix.layout.width(panel);
            const RegisterTile<T> tile{matrix.depth,
                                       left.data,
                                       left.stride,
                                       1,
                                       matrix.panels + matrix.depth * column,
                                       width,
                                       matrix.bias == nullptr ? nullptr : matrix.bias + column,
                                       result.data + column - first_column(task),
                                       result.stride,
                                       store,
                                       {soon, {left.data, 0}}};
            multiply_panel_of<LeftOrder::rows>(d, width / matrix.layout.lanes, tile, task.rows);
            if (!task.source.direct()) soon.at += task.rows / tile_rows * matrix.depth * soon.step;
        }
    });
}

/// From the tile to the sink's pixels, through the prologue's gradient if there is one.
template <class T>
void scatter_rows(const ProductTask<T>& task, RowBlock<T> result) {
    const RowSink<T>& sink = task.sink;
    const int64_t c = sink.first_channel + first_column(task);
    const int64_t count = column_count(task);
    const auto from_c = [&](auto* per_channel) { return per_channel == nullptr ? nullptr : per_channel + c; };
    const auto sums_of = [&](T* sums) {
        return sums == nullptr ? nullptr : sums + task.chunk * sink.channels + c;
    };
    T* scale_sums = sums_of(sink.scale_sums);
    T* shift_sums = sums_of(sink.shift_sums);
    if (scale_sums != nullptr) zero_row(count, scale_sums);
    if (shift_sums != nullptr) zero_row(count, shift_sums);

    if (sink.x != nullptr && sink.contiguous()) {
        const int64_t index = task.first_row * sink.channels + c;
        prologue_gradient_rows<T>({sink.x + index, sink.channels}, {result.data, result.stride}, task.rows,
                                  count, from_c(sink.scale), from_c(sink.shift), sink.activation,
                                  {{sink.pixels == nullptr ? nullptr : sink.pixels + index, sink.channels},
                                   sink.accumulate,
                                   scale_sums,
                                   shift_sums});
        return;
    }
    GridPosition at(task.first_row, sink.grid);
    for (int64_t row = 0; row < task.rows; ++row, at.advance(sink.grid)) {
        const int64_t i = at.i * sink.step.height + sink.first.height;
        const int64_t j = at.j * sink.step.width + sink.first.width;
        const int64_t index = ((at.image * sink.in.height + i) * sink.in.width + j) * sink.channels + c;
        const T* from = result.data + row * result.stride;
        T* to = sink.pixels == nullptr ? nullptr : sink.pixels + index;
        if (sink.x != nullptr) {
            prologue_gradient_rows<T>({sink.x + index}, {from}, 1, count, from_c(sink.scale),
                                      from_c(sink.shift), sink.activation,
                                      {{to}, sink.accumulate, scale_sums, shift_sums});
        } else if (sink.accumulate) {
            add_row(from, count, to);
        } else if (task.stream) {
            with_vectors_of<T>(task.matrix.layout, [&](auto d) HWY_ATTR { stream_row(d, from, count, to); });
        } else {
            copy_row(from, count, to);
        }
    }
}

template <class T>
void run_product_task(const ProductTask<T>& task) {
    const RowSink<T>& sink = task.sink;
    const bool direct = stores_directly(task);
    const int64_t c = sink.first_channel + first_column(task);
    RowBlock<T> result{task.result, task.matrix.layout.padded()};
    if (direct) result = {sink.pixels + task.first_row * sink.channels + c, sink.channels};
    const Store direct_store = task.stream ? Store::stream : sink.accumulate ? Store::add : Store::write;
    multiply(task, left_rows(task), result, direct ? direct_store : Store::write);
    if (sink.means != nullptr) {
        const int64_t offset = task.chunk * sink.channels + c;
        column_statistics(result.data, task.rows, column_count(task), result.stride, sink.means + offset,
                          sink.m2s + offset);
    }
    if (!direct) scatter_rows(task, result);
    if (task.stream) hwy::FlushStream();
}

/// One block of rows of an outer product, added to the task's part.
template <class T>
void multiply_outer(const OuterTask<T>& task, int64_t first_row, int64_t rows) {
    const RowSource<T>& source = task.product.source;
    const int64_t padded = task.layout.padded();
    RowBlock<const T> right{task.left, padded};
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
        for_each_vector(hn::ScalableTag<T>(), 0, sums.columns, [&](auto d, int64_t c) HWY_ATTR {
            const T* partial = sums.partial + row * sums.padded + c;
            auto total = hn::LoadU(d, partial);
            for (int64_t part = 1; part < sums.parts; ++part) {
                total = hn::Add(total, hn::LoadU(d, partial + part * sums.rows * sums.padded));
            }
            T* to = out + row * sums.columns + c;
            hn::StoreU(accumulate ? hn::Add(hn::LoadU(d, to), total) : total, d, to);
        });
    }
}

int64_t lanes_f32(int64_t columns) { return lanes_for<float>(columns); }
int64_t lanes_f64(int64_t columns) { return lanes_for<double>(columns); }

#define VITRINE_FOR_BOTH(name, Task)                         \
    void name##_f32(const Task<float>& task) { name(task); } \
    void name##_f64(const Task<double>& task) { name(task); }
VITRINE_FOR_BOTH(run_product_task, ProductTask)
VITRINE_FOR_BOTH(run_outer_task, OuterTask)
VITRINE_FOR_BOTH(combine_partial_sums, PartialSums)
#undef VITRINE_FOR_BOTH

}  // namespace vitrine::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace vitrine::cpu {
namespace {

HWY_EXPORT(lanes_f32);
HWY_EXPORT(lanes_f64);

#define VITRINE_FOR_BOTH(name, Task)                                               \
    HWY_EXPORT(name##_f32);                                                        \
    HWY_EXPORT(name##_f64);                                                        \
    void name(const Task<float>& task) { HWY_DYNAMIC_DISPATCH(name##_f32)(task); } \
    void name(const Task<double>& task) { HWY_DYNAMIC_DISPATCH(name##_f64)(task); }
VITRINE_FOR_BOTH(run_product_task, ProductTask)
VITRINE_FOR_BOTH(run_outer_task, OuterTask)
VITRINE_FOR_BOTH(combine_partial_sums, PartialSums)
#undef VITRINE_FOR_BOTH

/// As many tasks as should be there for every core of a large machine to find some.
constexpr int64_t wanted_tasks = 32;

/// Elements of a tile's two matrices together: 256 KiB of f32, so that they and a panel stay in the L2 cache.
constexpr int64_t tile_elements = 65536;

}  // namespace

PanelLayout panel_layout(DType dtype, int64_t columns) {
    const int64_t lanes = dtype == DType::f32 ? HWY_DYNAMIC_DISPATCH(lanes_f32)(columns)
                                              : HWY_DYNAMIC_DISPATCH(lanes_f64)(columns);
    return {columns, lanes};
}

Chunks product_chunks(int64_t rows, int64_t depth, int64_t columns) {
    const int64_t size = tile_elements / (depth + columns) / 8 * 8;
    return {rows, std::clamp<int64_t>(size, 32, 1024)};
}

/// Whether the results are written past the caches: if they are larger than these, and if every store fills
/// whole cache lines, for half a line written this way costs more than it saves.
template <class T>
bool streams(const RowSink<T>& sink, const PanelLayout& layout, int64_t rows) {
    constexpr int64_t line = 64;
    constexpr int64_t large = int64_t{24} << 20;
    constexpr int64_t bytes = sizeof(T);
    if (sink.pixels == nullptr || sink.x != nullptr || sink.accumulate || !sink.contiguous()) return false;
    if (sink.channels != layout.columns || layout.columns != layout.padded()) return false;
    if (reinterpret_cast<uintptr_t>(sink.pixels) % line != 0 || rows * sink.channels * bytes < large)
        return false;
    if (layout.count() == 1) return true;
    for (int64_t panel = 0; panel < layout.count(); ++panel) {
        if (layout.width(panel) * bytes % line != 0) return false;
    }
    return true;
}

template <class T>
void product(const RowSource<T>& source, const PackedMatrix<T>& matrix, const RowSink<T>& sink,
             Context& context) {
    const PanelLayout& layout = matrix.layout;
    const Chunks chunks = product_chunks(source.rows(), matrix.depth, layout.columns);
    const int64_t splits = std::clamp<int64_t>(ceil_divide(wanted_tasks, chunks.count()), 1, layout.count());
    const bool stream = streams(sink, layout, source.rows());
    const bool fetch = splits == 1 && source.rows_are_pixels();
    const int64_t last = chunks.count() - 1;
    const PerThread<T> left(context, source.direct() ? 0 : chunks.size * matrix.depth);
    const PerThread<T> result(context, chunks.size * layout.padded());
    parallel_for(chunks.count() * splits, [&](int64_t index) {
        const int64_t chunk = index / splits;
        const int64_t split = index % splits;
        const int64_t first = chunks.begin(chunk);
        run_product_task(ProductTask<T>{source, matrix, sink, chunk, first, chunks.end(chunk) - first,
                                        layout.count() * split / splits,
                                        layout.count() * (split + 1) / splits,
                                        fetch ? chunks.begin(std::min(chunk + threads(), last)) : -1, stream,
                                        left.mine(), result.mine()});
    });
}

/// Chunks whose partial results together are small beside the matrices that are read.
static Chunks outer_chunks(int64_t rows, int64_t depth, int64_t count) {
    const int64_t affordable = rows * (depth + count) / (8 * depth * count);
    return Chunks::of(rows, 256, std::clamp<int64_t>(affordable, 1, 64));
}

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

template void product(const RowSource<float>&, const PackedMatrix<float>&, const RowSink<float>&, Context&);
template void product(const RowSource<double>&, const PackedMatrix<double>&, const RowSink<double>&,
                      Context&);
template void combine_outer_parts(const float*, int64_t, int64_t, int64_t, int64_t, const Gradient&);
template void combine_outer_parts(const double*, int64_t, int64_t, int64_t, int64_t, const Gradient&);
template void outer_product(const OuterProduct<float>&, Context&);
template void outer_product(const OuterProduct<double>&, Context&);

}  // namespace vitrine::cpu
#endif

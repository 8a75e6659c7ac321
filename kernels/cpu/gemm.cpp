// The product over the pixels of images: tiles, their order, and which thread takes which.

#include "kernels/cpu/gemm.h"

#include "kernels/cpu/per_thread.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/gemm.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "kernels/cpu/conv_parts-inl.h"
#include "kernels/cpu/gemm-inl.h"
#include "kernels/cpu/gemm_gather-inl.h"
#include "kernels/cpu/gemm_sink-inl.h"

#ifndef VITRINE_KERNELS_CPU_GEMM_TASKS
#define VITRINE_KERNELS_CPU_GEMM_TASKS
namespace vitrine::cpu {

/// Rows [first_row, first_row + rows) of a product, and panels [first_panel, end_panel) of its columns.
template <class From, class To>
struct ProductTask {
    const RowSource<From>& source;
    const RightMatrix<Accumulate<From>>& matrix;
    const RowSink<To>& sink;
    int64_t chunk;
    int64_t first_row;
    int64_t rows;
    int64_t first_panel;
    int64_t end_panel;
    bool stream;             // the results go past the caches
    bool banded;             // windows are read out of a band
    Accumulate<From>* left;  // this thread's: [rows, depth], or the band
    Accumulate<To>* result;  // this thread's: [rows and one more, padded columns]
};

/// What rows and results are stored in: RUN(name, From, To).
#define VITRINE_PRODUCT_TYPES(RUN)    \
    RUN(run_f32, float, float)        \
    RUN(run_f64, double, double)      \
    RUN(run_bf16, bf16, bf16)         \
    RUN(run_f16, f16, f16)            \
    RUN(run_f32_to_bf16, float, bf16) \
    RUN(run_f32_to_f16, float, f16)

}  // namespace vitrine::cpu
#endif

HWY_BEFORE_NAMESPACE();
namespace vitrine::cpu::HWY_NAMESPACE {

template <class From, class To>
RowsOf<const Accumulate<From>> left_rows(const ProductTask<From, To>& task) {
    const RowSource<From>& source = task.source;
    if constexpr (!is_half_type<From>) {
        if (source.direct())
            return {source.pixels + task.first_row * source.channels + source.first_channel, source.channels};
    }
    gather_rows(source, task.first_row, task.rows, task.left, source.depth());
    return {task.left, source.depth()};
}

/// The first column of the task, and how many it has.
template <class From, class To>
int64_t first_column(const ProductTask<From, To>& task) {
    return task.matrix.layout.first_column(task.first_panel);
}

template <class From, class To>
int64_t column_count(const ProductTask<From, To>& task) {
    const PanelLayout& layout = task.matrix.layout;
    return std::min(layout.columns, layout.first_column(task.end_panel)) - first_column(task);
}

/// Whether the register tiles can be stored where the sink wants them.
template <class From, class T>
bool stores_directly(const ProductTask<From, T>& task) {
    return !is_half_type<T> && task.sink.pixels != nullptr && task.sink.x == nullptr &&
           task.sink.contiguous() && !(task.stream && task.sink.means != nullptr);
}

/// The register tile of a panel, but for what it reads on the left and where its results go.
template <class From, class T>
RegisterTile<Accumulate<T>> panel_tile(const ProductTask<From, T>& task, int64_t panel,
                                       RowsOf<const Accumulate<T>> left, RowsOf<Accumulate<T>> result,
                                       Store store) {
    const RightMatrix<Accumulate<T>>& matrix = task.matrix;
    const int64_t column = matrix.layout.first_column(panel);
    return {.depth = matrix.depth,
            .a = left.data,
            .a_row = left.stride,
            .a_step = 1,
            .b = matrix.panel(panel),
            .b_step = matrix.step(panel),
            .init = matrix.bias == nullptr ? nullptr : matrix.bias + column,
            .c = result.data + column - first_column(task),
            .c_row = result.stride,
            .store = store,
            .soon = {{left.data + 2 * tile_rows * left.stride, tile_rows}, {left.data, 0}},
            .fetch_c = stores_directly(task) && !task.stream,
            .last = stores_directly(task) ? matrix.layout.last(panel) : 0};
}

template <class From, class T>
void multiply_rows(const ProductTask<From, T>& task, RowsOf<const Accumulate<T>> left,
                   RowsOf<Accumulate<T>> result, Store store) {
    const PanelLayout& layout = task.matrix.layout;
    with_vectors_of<Accumulate<T>>(layout, [&](auto d) HWY_ATTR {
        for (int64_t panel = task.first_panel; panel < task.end_panel; ++panel) {
            multiply_panel_of<LeftOrder::rows>(d, layout.width(panel) / layout.lanes,
                                               panel_tile(task, panel, left, result, store), task.rows);
        }
    });
}

/// Out of the band, one line of the grid after another: there windows lie a step apart, and each of their lines is a line of
/// the band.
template <class From, class T>
void multiply_band(const ProductTask<From, T>& task, RowsOf<Accumulate<T>> result, Store store) {
    const RowSource<From>& source = task.source;
    const PanelLayout& layout = task.matrix.layout;
    const RowsOf<const Accumulate<T>> left{task.left, source.step.width * source.channels};
    with_vectors_of<Accumulate<T>>(layout, [&](auto d) HWY_ATTR {
        for (int64_t panel = task.first_panel; panel < task.end_panel; ++panel) {
            RegisterTile<Accumulate<T>> tile = panel_tile(task, panel, left, result, store);
            tile.depth = source.taps.width * source.channels;
            tile.lines = source.taps.height;
            tile.a_line = source.band_line();
            for_each_band_line(source, task.first_row, task.rows, task.left,
                               [&](const Accumulate<T>* windows, int64_t, int64_t rows) HWY_ATTR {
                                   tile.a = windows;
                                   multiply_panel_of<LeftOrder::rows>(d, layout.width(panel) / layout.lanes,
                                                                      tile, rows);
                                   tile.c += rows * tile.c_row;
                               });
        }
    });
}

/// Whether pixels are gathered few at a time: they are the larger matrix, which has to come from memory.
template <class From, class To>
bool gathers_in_turns(const ProductTask<From, To>& task) {
    const RowSource<From>& source = task.source;
    return !source.direct() && source.rows_are_pixels() && source.group_channels == source.channels &&
           source.channels >= task.matrix.layout.columns;
}

/// Pixels that are multiplied before the next ones are gathered.
constexpr int64_t turn = 32;

/// While some pixels are multiplied, the next ones are fetched. result_of(row) says where results go from there on; after each
/// turn done(row, rows) finds them.
template <class From, class T, class ResultOf, class Done>
void multiply_in_turns(const ProductTask<From, T>& task, Store store, const ResultOf& result_of,
                       const Done& done) {
    using A = Accumulate<T>;
    const RowSource<From>& source = task.source;
    const PanelLayout& layout = task.matrix.layout;
    const int64_t depth = source.channels;
    const int64_t share = std::max<int64_t>(1, tile_rows / (task.end_panel - task.first_panel));
    with_vectors_of<A>(layout, [&](auto d) HWY_ATTR {
        for (int64_t row = 0; row < task.rows; row += turn) {
            const int64_t rows = std::min(turn, task.rows - row);
            const From* pixels = source.pixels + (task.first_row + row) * depth;
            RowsOf<const A> left{task.left, depth};
            if constexpr (!is_half_type<From>) {
                if (source.direct()) left.data = pixels;
            }
            if (left.data == task.left) gather_rows(source, task.first_row + row, rows, task.left, depth);
            Prefetch next{pixels + rows * depth, share};
            for (int64_t panel = task.first_panel; panel < task.end_panel; ++panel) {
                RegisterTile<A> tile = panel_tile(task, panel, left, result_of(row), store);
                tile.soon[0] = next;
                multiply_panel_of<LeftOrder::rows>(d, layout.width(panel) / layout.lanes, tile, rows);
                next.advance(rows / tile_rows * depth);
            }
            done(row, rows);
        }
    });
}

template <class From, class T>
void multiply(const ProductTask<From, T>& task, RowsOf<Accumulate<T>> result, Store store) {
    if (gathers_in_turns(task)) {
        return multiply_in_turns(
            task, store,
            [&](int64_t row) {
                return RowsOf<Accumulate<T>>{result.row(row), result.stride};
            },
            [](int64_t, int64_t) {});
    }
    if (!task.banded) return multiply_rows(task, left_rows(task), result, store);
    fill_band(task.source, task.first_row, task.rows, task.left);
    multiply_band(task, result, store);
}

/// A row of results that goes as it is.
template <class From, class T>
void put_row(const ProductTask<From, T>& task, const Accumulate<T>* from, int64_t count, T* to) {
    if constexpr (!is_half_type<T>) {
        if (task.stream)
            return with_vectors_of<T>(task.matrix.layout,
                                      [&](auto d) HWY_ATTR { stream_row(d, from, count, to); });
    }
    copy_row(from, count, to);
}

/// Rows of `count` past the caches, and what they add to Σ (y − centre) and Σ (y − centre)².
template <class D, class T = hn::TFromD<D>>
HWY_INLINE void stream_with_sums(D d, RowsOf<const T> from, int64_t rows, int64_t count, const T* centre,
                                 T* sums, T* squares, RowsOf<T> to) {
    constexpr int64_t lanes = hn::MaxLanes(d);
    for_each_four_rows(rows, [&](int64_t row, auto group) HWY_ATTR {
        for (int64_t c = 0; c < count; c += lanes) {
            const auto middle = hn::LoadU(d, centre + c);
            auto sum = hn::LoadU(d, sums + c), square = hn::LoadU(d, squares + c);
            for (int k = 0; k < group; ++k) {
                const auto value = hn::LoadU(d, from.row(row + k) + c);
                hn::Stream(value, d, to.row(row + k) + c);
                const auto distance = hn::Sub(value, middle);
                sum = hn::Add(sum, distance);
                square = hn::MulAdd(distance, distance, square);
            }
            hn::StoreU(sum, d, sums + c);
            hn::StoreU(square, d, squares + c);
        }
    });
}

/// Results larger than the caches leave the nearest one for memory, their statistics taken on the way around the mean of the
/// chunk's first turn. A turn that is unlike the rest, such as the border of a picture, costs 5 of a float's 24 bits at most: of
/// n rows Σ (y − centre)² is no more than 1 + n / turn times m2, and n is 1024 or less.
template <class From, class T>
void stream_in_turns(const ProductTask<From, T>& task) {
    const RowSink<T>& sink = task.sink;
    const int64_t count = column_count(task), channel = sink.first_channel + first_column(task);
    const int64_t offset = task.chunk * sink.channels + channel;
    const RowsOf<T> result{task.result, count};
    T *centre = sink.means + offset, *squares = sink.m2s + offset, *sums = task.result + turn * count;
    multiply_in_turns(
        task, Store::write, [&](int64_t) { return result; },
        [&](int64_t row, int64_t rows) {
            if (row == 0) {
                column_sums(result.data, rows, count, count, centre);
                for (int64_t c = 0; c < count; ++c) centre[c] /= static_cast<T>(rows);
                zero_row(count, sums);
                zero_row(count, squares);
            }
            const RowsOf<T> to{sink.pixels + (task.first_row + row) * sink.channels + channel, sink.channels};
            with_vectors_of<T>(task.matrix.layout, [&](auto d) HWY_ATTR {
                stream_with_sums(d, RowsOf<const T>{result.data, count}, rows, count, centre, sums, squares,
                                 to);
            });
        });
    const T n = static_cast<T>(task.rows);
    for (int64_t c = 0; c < count; ++c) {
        const T distance = sums[c] / n;
        const T m2 = squares[c] - n * distance * distance;
        centre[c] += distance;
        squares[c] = m2 < 0 ? T(0) : m2;  // of a constant channel, roundings; a NaN stays one
    }
    hwy::FlushStream();
}

template <class From, class T>
void run_product_task(const ProductTask<From, T>& task) {
    if constexpr (!is_half_type<T>) {
        if (task.stream && task.sink.means != nullptr && task.source.rows_are_pixels())
            return stream_in_turns(task);
    }
    const RowSink<T>& sink = task.sink;
    const bool direct = stores_directly(task);
    const int64_t c = sink.first_channel + first_column(task);
    RowsOf<Accumulate<T>> result{task.result, task.matrix.layout.padded()};
    if constexpr (!is_half_type<T>) {
        if (direct) result = {sink.pixels + task.first_row * sink.channels + c, sink.channels};
    }
    const Store direct_store = task.stream ? Store::stream : sink.accumulate ? Store::add : Store::write;
    multiply(task, result, direct ? direct_store : Store::write);
    if (sink.means != nullptr) {
        const int64_t offset = task.chunk * sink.channels + c;
        column_statistics(result.data, task.rows, column_count(task), result.stride, sink.means + offset,
                          sink.m2s + offset);
    }
    if (!direct) {
        scatter_rows(sink, {task.chunk, task.first_row, task.rows, c, column_count(task)}, result,
                     [&](const Accumulate<T>* from, int64_t count, T* to)
                         HWY_ATTR { put_row(task, from, count, to); });
    }
    if (task.stream) hwy::FlushStream();
}

int64_t lanes_f32(int64_t columns) { return lanes_for<float>(columns); }
int64_t lanes_f64(int64_t columns) { return lanes_for<double>(columns); }

#define VITRINE_RUN(name, From, To) \
    void name(const ProductTask<From, To>& task) { run_product_task(task); }
VITRINE_PRODUCT_TYPES(VITRINE_RUN)
#undef VITRINE_RUN

}  // namespace vitrine::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace vitrine::cpu {
namespace {

HWY_EXPORT(lanes_f32);
HWY_EXPORT(lanes_f64);

#define VITRINE_RUN(name, From, To) \
    HWY_EXPORT(name);               \
    void run_product_task(const ProductTask<From, To>& task) { HWY_DYNAMIC_DISPATCH(name)(task); }
VITRINE_PRODUCT_TYPES(VITRINE_RUN)
#undef VITRINE_RUN

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
/// whole cache lines, for half a line written this way costs more than it saves. Statistics are then taken another way: how wide
/// the vectors are that were measured to be the quickest must not decide it (vector_pace.h).
template <class T>
bool streams(const RowSink<T>& sink, const PanelLayout& layout, int64_t rows) {
    constexpr int64_t line = 64;
    constexpr int64_t bytes = sizeof(T);
    if (!sink.plain() || is_half_type<T>) return false;  // of 16 bits: they are narrowed on their way
    if (sink.channels != layout.columns || layout.columns * bytes % line != 0) return false;
    if (reinterpret_cast<uintptr_t>(sink.pixels) % line != 0 ||
        rows * sink.channels * bytes < past_the_caches)
        return false;
    for (int64_t panel = 0; panel < layout.count(); ++panel) {
        if (layout.width(panel) * bytes % line != 0) return false;
    }
    return true;
}

template <class From, class To>
void product(const RowSource<From>& rows, const RightMatrix<Accumulate<From>>& matrix,
             const RowSink<To>& sink, Context& context) {
    using A = Accumulate<To>;
    const PanelLayout& layout = matrix.layout;
    const Chunks chunks = product_chunks(rows.rows(), matrix.depth, layout.columns);
    const int64_t splits = std::clamp<int64_t>(ceil_divide(wanted_tasks, chunks.count()), 1, layout.count());
    RowSource<From> source = rows;
    if constexpr (!is_half_type<From>) source = made_once(rows, splits, context);
    const bool stream = streams(sink, layout, source.rows());
    const bool banded = source.banded(chunks.size);
    // Of the two parts that a task multiplies the larger one stays in the cache while the other changes.
    const bool columns_stay = layout.columns > chunks.size * splits;
    const PerThread<A> left(context, source.direct() ? 0
                                     : banded        ? source.band_elements(chunks.size)
                                                     : chunks.size * matrix.depth);
    const PerThread<A> result(context, (chunks.size + 1) * layout.padded());
    parallel_for(chunks.count() * splits, [&](int64_t index) {
        const int64_t chunk = columns_stay ? index % chunks.count() : index / splits;
        const int64_t split = columns_stay ? index / chunks.count() : index % splits;
        const int64_t first = chunks.begin(chunk);
        run_product_task(ProductTask<From, To>{
            source, matrix, sink, chunk, first, chunks.end(chunk) - first, layout.count() * split / splits,
            layout.count() * (split + 1) / splits, stream, banded, left.mine(), result.mine()});
    });
}

template void product(const RowSource<float>&, const RightMatrix<float>&, const RowSink<float>&, Context&);
template void product(const RowSource<double>&, const RightMatrix<double>&, const RowSink<double>&, Context&);
template void product(const RowSource<bf16>&, const RightMatrix<float>&, const RowSink<bf16>&, Context&);
template void product(const RowSource<f16>&, const RightMatrix<float>&, const RowSink<f16>&, Context&);
template void product(const RowSource<float>&, const RightMatrix<float>&, const RowSink<bf16>&, Context&);
template void product(const RowSource<float>&, const RightMatrix<float>&, const RowSink<f16>&, Context&);

}  // namespace vitrine::cpu
#endif

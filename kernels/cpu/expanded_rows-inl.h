// The rows of the expanded convolution: made for depthwise's passes, and turned into gradients behind them.

#if defined(VITRINE_KERNELS_CPU_EXPANDED_ROWS_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef VITRINE_KERNELS_CPU_EXPANDED_ROWS_INL_H
#undef VITRINE_KERNELS_CPU_EXPANDED_ROWS_INL_H
#else
#define VITRINE_KERNELS_CPU_EXPANDED_ROWS_INL_H
#endif

#include "kernels/cpu/conv_parts-inl.h"
#include "kernels/cpu/depthwise_backward_block-inl.h"
#include "kernels/cpu/depthwise_forward-inl.h"
#include "kernels/cpu/expanded_conv.h"
#include "kernels/cpu/gemm-inl.h"
#include "kernels/cpu/gemm_gather-inl.h"
#include "kernels/cpu/run_products-inl.h"

HWY_BEFORE_NAMESPACE();
namespace vitrine::cpu::HWY_NAMESPACE {
namespace {

/// A row of a. A pixel's numbers lie in one run, a window's in one for each of its lines.
template <class T>
struct NarrowRow {
    const T* data;
    int64_t stride;  // from a pixel to the next
    int64_t run;
    int64_t lines = 1;
    int64_t line = 0;  // from one to the next
};

/// The lines under the windows of a row, in `memory`.
template <class T>
NarrowRow<T> window_row(const Expansion<T>& task, int64_t row, T* memory) {
    const RowSource<T>& windows = *task.windows;
    fill_band(windows, row * task.width, task.width, memory);
    return {memory, windows.step.width * windows.channels, windows.taps.width * windows.channels,
            windows.taps.height, windows.band_line()};
}

/// `stride` elements a pixel: x itself where that is the same, else in `memory`.
template <class T>
NarrowRow<T> narrow_row(const Expansion<T>& task, int64_t row, T* memory, int64_t stride) {
    if (task.windows) return window_row(task, row, memory);
    const T* x = task.x + row * task.width * task.narrow;
    if (task.prologue.plain() && stride == task.narrow) return {x, stride, task.narrow};
    prologue_rows<T, T>({x, task.narrow}, task.width, task.narrow, static_cast<const T*>(task.prologue.scale),
                        static_cast<const T*>(task.prologue.shift), task.prologue.activation,
                        {memory, stride});
    for (int64_t i = 0; stride > task.narrow && i < task.width; ++i)
        zero_row(stride - task.narrow, memory + i * stride + task.narrow);
    return {memory, stride, task.narrow};
}

/// What a product that takes so many steps fetches meanwhile, a little at each.
template <class T>
Prefetch fetch_during(int64_t steps, const RowAhead<T>& ahead, const T* otherwise) {
    const int64_t share = ceil_divide(ahead.end - ahead.begin, std::max<int64_t>(1, steps));
    return {share > 0 ? ahead.begin : otherwise, share};
}

/// C = A · B of a few rows that lie in the cache; meanwhile others are fetched.
template <class T>
void multiply_row(const RightMatrix<T>& matrix, const NarrowRow<T>& a, int64_t rows, const RowAhead<T>& ahead,
                  RowsOf<T> c) {
    const PanelLayout& layout = matrix.layout;
    const int64_t steps = rows / tile_rows * matrix.depth;
    Prefetch soon = fetch_during(steps * layout.count(), ahead, a.data);
    with_vectors_of<T>(layout, [&](auto d) HWY_ATTR {
        for (int64_t panel = 0; panel < layout.count(); ++panel) {
            const RegisterTile<T> tile{.depth = a.run,
                                       .a = a.data,
                                       .a_row = a.stride,
                                       .a_step = 1,
                                       .b = matrix.panel(panel),
                                       .b_step = matrix.step(panel),
                                       .init = nullptr,
                                       .c = c.data + layout.first_column(panel),
                                       .c_row = c.stride,
                                       .store = Store::write,
                                       .soon = {soon, {a.data, 0}},
                                       .lines = a.lines,
                                       .a_line = a.line};
            multiply_panel_of<LeftOrder::rows>(d, layout.width(panel) / layout.lanes, tile, rows);
            soon.advance(steps);
        }
    });
}

/// D += Aᵀ · G of such rows, as wide as G, which has more columns than A; meanwhile others are fetched.
template <class T>
void add_outer_row(const PanelLayout& layout, const NarrowRow<T>& a, RowsOf<const T> g, int64_t rows,
                   const RowAhead<T>& ahead, T* d) {
    const int64_t steps = a.run / tile_rows * rows;
    Prefetch soon = fetch_during(steps * layout.count(), ahead, g.data);
    with_vectors_of<T>(layout, [&](auto vectors) HWY_ATTR {
        for (int64_t panel = 0; panel < layout.count(); ++panel) {
            const int64_t column = layout.first_column(panel);
            const RegisterTile<T> tile{.depth = rows,
                                       .a = a.data,
                                       .a_row = 1,
                                       .a_step = a.stride,
                                       .b = g.data + column,
                                       .b_step = g.stride,
                                       .init = nullptr,
                                       .c = d + column,
                                       .c_row = g.stride,
                                       .store = Store::add,
                                       .soon = {soon, {g.data, 0}}};
            multiply_panel_of<LeftOrder::columns>(vectors, layout.width(panel) / layout.lanes, tile, a.run);
            soon.advance(steps);
        }
    });
}

/// Rows for a forward pass: b, in the ring.
template <class T>
struct ExpandedRows {
    static constexpr bool may_be_direct = false;

    const ExpandedForward<T>& task;
    T* memory;  // [width, narrow]

    /// A narrow row is short, and read in its order: the processor fetches it by itself.
    RowAhead<T> ahead(int64_t, int64_t) const { return {}; }

    void stage(int64_t image, int64_t row, T* to) const {
        const Expansion<T>& expansion = task.expansion;
        const PixelRows& source = task.conv.source;
        const Prologue& prologue = task.conv.args.prologue;
        const int64_t of_all_images = image * task.conv.args.shape.in.height + row;
        const RowsOf<T> e{to + source.left * source.channels, source.channels};
        multiply_row(expansion.weight, narrow_row(expansion, of_all_images, memory, expansion.narrow),
                     expansion.width, {}, e);
        prologue_rows<T, T>({e.data, e.stride}, expansion.width, expansion.channels,
                            static_cast<const T*>(prologue.scale), static_cast<const T*>(prologue.shift),
                            prologue.activation, e);
    }
};

/// Rows for a backward pass: e, and where d_e goes, from which finish_row() goes on.
template <class T>
class RecomputedRows {
  public:
    using Element = T;

    RecomputedRows(const ExpandedBackward<T>& task, int64_t block, T* memory)
        : task_(task), block_(block), a_memory_(memory) {
        e_ = a_memory_ + task.expansion.row_size(task.narrow.padded());
        d_e_ = e_ + width() * channels();
        d_a_ = d_e_ + width() * channels();
    }

    const T* x(int64_t row) {
        a_ = narrow_row(task_.expansion, row, a_memory_, task_.narrow.padded());
        multiply_row(task_.expansion.weight, a_, width(), {}, {e_, channels()});
        return e_;
    }
    T* d_x(int64_t) const { return wants_d_e(task_.args) ? d_e_ : nullptr; }
    RowAhead<T> x_ahead(const T*, bool) const { return {}; }
    RowAhead<T> d_x_ahead(const T*, bool) const { return {}; }

    void finish_row(int64_t row, const RowAhead<T>& y_ahead) const {
        const RowsOf<const T> d_e{d_e_, channels()};
        if (T* sums = task_.sums.expansion_of(block_)) {
            if (task_.expansion.windows) {
                add_window_row(d_e, sums);
            } else {
                add_outer_row(task_.expansion.weight.layout, a_, d_e, width(), y_ahead, sums);
            }
        }
        if (!wants_d_a(task_.args)) return;
        const int64_t padded = task_.narrow.padded();
        multiply_row(task_.weight, {d_e.data, d_e.stride, channels()}, width(), narrow_gradient(row),
                     {d_a_, padded});
        put_narrow_gradient(row, {d_a_, padded});
    }

  private:
    int64_t width() const { return task_.expansion.width; }
    int64_t channels() const { return task_.expansion.channels; }

    /// sums += aᵀ · d_e, a line of the windows after the other.
    void add_window_row(RowsOf<const T> d_e, T* sums) const {
        for (int64_t line = 0; line < a_.lines; ++line)
            add_run_products<T>({.left = a_.data + line * a_.line,
                                 .left_step = a_.stride,
                                 .right = d_e.data,
                                 .right_step = d_e.stride,
                                 .count = width(),
                                 .sums = sums + line * a_.run * channels(),
                                 .stride = channels()},
                                a_.run, channels());
    }

    /// Where a row of d_x will be written: a store waits for its line.
    RowAhead<T> narrow_gradient(int64_t row) const {
        const T* d_x = static_cast<const T*>(task_.args.d_x.data);
        if (d_x == nullptr) return {};
        const int64_t size = width() * task_.expansion.narrow;
        return {d_x + row * size, d_x + (row + 1) * size};
    }

    void put_narrow_gradient(int64_t row, RowsOf<const T> d_a) const {
        const Expansion<T>& expansion = task_.expansion;
        const Prologue& prologue = expansion.prologue;
        const int64_t narrow = expansion.narrow, first = row * width() * narrow;
        const auto sums = [&](T* all) { return ExpandedSums<T>::of_block(all, block_, narrow); };
        T* d_x = static_cast<T*>(task_.args.d_x.data);
        prologue_gradient_rows<T, T>({expansion.x + first, narrow}, d_a, width(), narrow,
                                     static_cast<const T*>(prologue.scale),
                                     static_cast<const T*>(prologue.shift), prologue.activation,
                                     {{d_x == nullptr ? nullptr : d_x + first, narrow},
                                      task_.args.d_x.mode == GradMode::accumulate,
                                      sums(task_.sums.scale),
                                      sums(task_.sums.shift)});
    }

    const ExpandedBackward<T>& task_;
    int64_t block_;
    T *a_memory_, *e_, *d_e_, *d_a_;
    NarrowRow<T> a_{};
};

}  // namespace
}  // namespace vitrine::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif

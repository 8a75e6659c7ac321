// Matrix products over the pixels of images: what pointwise convolution, dense convolution and linear layers
// share.
//
// Two products do all the work. A "pixel" is a row of channels; a row of the left matrix is one or more pixels
// (a window), read where they lie, out of a band of the image or gathered, so that a convolution is a matrix
// product whose left matrix is never stored whole:
//
//     product       C[row, n] = bias_n + Σ_k A[row, k] · B[k, n]      forward, and the gradient of the input
//     outer product D[n, k]   = Σ_row G[row, n] · A[row, k]           the gradient of the weight
//
// T is what the rows are stored in. A tile of 16-bit rows is widened as it is gathered, and multiplied in f32.
//
// Both cut the rows into tiles that stay in the L2 cache. Tiles and the order of every sum depend on the
// shapes alone, so the bits do not depend on the number of threads.
#pragma once

#include <cstdint>

#include "kernels/activation.h"
#include "kernels/context.h"
#include "kernels/conv.h"
#include "kernels/cpu/parallel.h"
#include "kernels/dtype.h"

namespace vitrine::cpu {

/// The columns of a matrix in panels of one to three vectors, as even as can be: the width of the register
/// tile.
struct PanelLayout {
    int64_t columns = 0;
    int64_t lanes = 1;  // elements of a vector

    static constexpr int64_t widest = 3;

    int64_t vectors() const { return (columns + lanes - 1) / lanes; }
    int64_t padded() const { return vectors() * lanes; }
    int64_t count() const { return (vectors() + widest - 1) / widest; }
    int64_t first_vector(int64_t panel) const { return vectors() * panel / count(); }
    int64_t first_column(int64_t panel) const { return first_vector(panel) * lanes; }
    int64_t width(int64_t panel) const { return first_column(panel + 1) - first_column(panel); }
    /// Columns in the panel's last vector, 0 where it is full.
    int64_t last(int64_t panel) const { return panel + 1 < count() ? 0 : columns % lanes; }
};

/// As many tasks as should be there for every core of a large machine to find some.
inline constexpr int64_t wanted_tasks = 32;

/// Elements of a tile's two matrices together: 256 KiB of f32, so that they and a panel stay in the L2 cache.
inline constexpr int64_t tile_elements = 65536;

/// Bytes of a tensor that is larger than the caches, so that what is written of it goes past them.
inline constexpr int64_t past_the_caches = int64_t{24} << 20;

/// How a tile of results is stored. Streaming goes past the caches: a matrix larger than they are is not read
/// into them only to be overwritten, which halves its traffic.
enum class Store : unsigned char { write, add, stream };

/// The layout for the instruction set of this processor.
PanelLayout panel_layout(DType dtype, int64_t columns);

/// The rows of the left matrix. Row (n, i, j) of the grid holds, for each tap (p, q) of the window and each
/// channel c of the group, activation(scale · x + shift) at pixel (n, i · step + p − offset, j · step + q −
/// offset), or 0 where that lies outside of the image.
template <class T>
struct RowSource {
    const T* pixels = nullptr;
    int64_t batch = 1;
    Size2 grid;
    Size2 in;  // of the images
    int64_t channels = 1;
    int64_t first_channel = 0;  // of the group
    int64_t group_channels = 1;
    Size2 taps;
    Size2 step;
    Size2 offset{0, 0};
    const Accumulate<T>* scale = nullptr;  // [channels], or null
    const Accumulate<T>* shift = nullptr;
    Activation activation = Activation::identity;

    /// Those of a convolution's output pixels, whole and without a prologue.
    static RowSource of_windows(const ConvShape& shape, const void* x) {
        RowSource source;
        source.pixels = static_cast<const T*>(x);
        source.batch = shape.batch;
        source.grid = shape.out();
        source.in = shape.in;
        source.channels = source.group_channels = shape.in_channels;
        source.taps = shape.kernel;
        source.step = shape.stride;
        source.offset = shape.padding;
        return source;
    }

    int64_t rows() const { return batch * grid.height * grid.width; }
    int64_t depth() const { return taps.height * taps.width * group_channels; }
    bool plain() const { return scale == nullptr && activation == Activation::identity; }

    /// Whether each row is a pixel, in their order.
    bool rows_are_pixels() const {
        return taps == Size2{1, 1} && step == Size2{1, 1} && offset == Size2{0, 0} && grid == in;
    }
    /// Whether they are so as they lie there, so that nothing has to be gathered.
    bool direct() const { return plain() && rows_are_pixels() && !is_half_type<T>; }

    /// Whether windows are read where they overlap, out of a band: the lines of the images that a chunk of rows needs, each
    /// once, with zeros around them. Else each row is gathered by itself, taps.height · taps.width times the image.
    bool banded(int64_t chunk_rows) const {
        return !rows_are_pixels() && group_channels == channels && step.height <= taps.height &&
               step.width <= taps.width && grid.width >= 8 && grid.width <= chunk_rows;
    }
    /// Elements of a band's line, and of the band of so many rows at most.
    int64_t band_line() const { return ((grid.width - 1) * step.width + taps.width) * channels; }
    int64_t band_elements(int64_t chunk_rows) const {
        return (chunk_rows / grid.width + 2) * taps.height * band_line();
    }
};

/// The same rows, what the prologue makes of all pixels in scratch memory: where so many tasks, each with columns of its own,
/// would make the same of them.
template <class T>
RowSource<T> made_once(const RowSource<T>& source, int64_t tasks, Context& context);

/// Where the rows of a product go. Row (n, i, j) of the grid becomes pixel (n, i · step + first, j · step +
/// first).
template <class T>
struct RowSink {
    T* pixels = nullptr;  // null if only the sums below are wanted
    bool accumulate = false;
    Size2 grid;
    Size2 in;  // of the images
    int64_t channels = 1;
    int64_t first_channel = 0;
    Size2 step;
    Size2 first{0, 0};

    // Statistics of the rows, for each chunk of rows: [chunk, channels], or null.
    Accumulate<T>* means = nullptr;
    Accumulate<T>* m2s = nullptr;

    // The way back through a prologue: the row is d_a, the sink takes d_x. Null x means that there is none.
    const T* x = nullptr;
    const Accumulate<T>* scale = nullptr;
    const Accumulate<T>* shift = nullptr;
    Activation activation = Activation::identity;
    Accumulate<T>* scale_sums = nullptr;  // [chunk, channels], or null: Σ d_u · x and Σ d_u
    Accumulate<T>* shift_sums = nullptr;

    bool contiguous() const { return step == Size2{1, 1} && grid == in; }
    /// Whether the rows are the results as they are, one after the other.
    bool plain() const { return pixels != nullptr && x == nullptr && !accumulate && contiguous(); }
};

/// The right matrix of a product in panels: panel p is [depth, width(p)], padded with zeros. Packed, they lie one after the
/// other; else they are columns of a matrix [depth, stride].
template <class T>
struct RightMatrix {
    PanelLayout layout;
    int64_t depth = 0;
    const T* panels = nullptr;
    const T* bias = nullptr;  // [padded columns], or null
    int64_t stride = 0;       // 0: packed

    const T* panel(int64_t p) const { return panels + layout.first_column(p) * (stride > 0 ? 1 : depth); }
    /// From a row of the panel to the next.
    int64_t step(int64_t p) const { return stride > 0 ? stride : layout.width(p); }
};

/// Packs B[k, n] = weight[n · depth + k] into scratch memory, and the bias [columns], which may be null, beside it.
template <class T>
RightMatrix<Accumulate<T>> pack_transposed(const T* weight, int64_t depth, int64_t columns,
                                           const Accumulate<T>* bias, Context& context);

/// to[n, k] = from[k, n] of `rows` k and `columns` n.
template <class T>
void put_transposed(const T* from, int64_t rows, int64_t columns, T* to);

/// Packs B[k, n] = weight[offset_of(k) + n] into scratch memory.
template <class T, class OffsetOf>
RightMatrix<Accumulate<T>> pack_rows(const T* weight, int64_t depth, int64_t columns, Context& context,
                                     const OffsetOf& offset_of) {
    using A = Accumulate<T>;
    const PanelLayout layout = panel_layout(dtype_of<A>, columns);
    A* panels = context.scratch.take<A>(depth * layout.padded());
    const auto widened = [](T value) { return static_cast<A>(value); };
    // Few rows at a time go to all panels: whole lines of memory are read, one after the other.
    const Chunks chunks{depth, 16};
    parallel_for(chunks.count(), [&](int64_t chunk) {
        for (int64_t panel = 0; panel < layout.count(); ++panel) {
            const int64_t first = layout.first_column(panel), width = layout.width(panel);
            const int64_t filled = std::min(width, columns - first);
            for (int64_t k = chunks.begin(chunk); k < chunks.end(chunk); ++k) {
                const T* from = weight + offset_of(k) + first;
                A* row = panels + depth * first + k * width;
                std::fill(std::transform(from, from + filled, row, widened), row + width, A(0));
            }
        }
    });
    return {layout, depth, panels, nullptr};
}

/// The chunks of rows of a product, to which the sink's partial sums belong.
Chunks product_chunks(int64_t rows, int64_t depth, int64_t columns);

/// B[k, n] = weight[k · stride + n], for a product of so many rows. A matrix that few rows are multiplied by is read where it
/// lies: to pack it would cost more than the product gains by it.
template <class T>
RightMatrix<Accumulate<T>> right_matrix(const T* weight, int64_t depth, int64_t columns, int64_t stride,
                                        int64_t rows, Context& context) {
    if constexpr (!is_half_type<T>) {
        const PanelLayout layout = panel_layout(dtype_of<T>, columns);
        if (columns == layout.padded() && product_chunks(rows, depth, columns).count() <= 8)
            return {layout, depth, weight, nullptr, stride};
    }
    return pack_rows(weight, depth, columns, context, [stride](int64_t k) { return k * stride; });
}

/// C = A · B. From and To are the same, or Accumulate<To> and To.
template <class From, class To>
void product(const RowSource<From>& source, const RightMatrix<Accumulate<From>>& matrix,
             const RowSink<To>& sink, Context& context);

/// What an epilogue adds to a gradient d_y: level_n + slope_n · (y − mean_n).
template <class G>
struct EpiloguePart {
    const G* y = nullptr;  // as d_y; null if there is none
    const Accumulate<G>* level = nullptr;
    const Accumulate<G>* slope = nullptr;
    const Accumulate<G>* mean = nullptr;
};

/// D[n, k] for columns [first, first + count) of G [rows, stride], written or added to `weight` [count,
/// depth], and the sums of G's columns to `bias`; either may be unwanted.
template <class T, class G>
struct OuterProduct {
    RowSource<T> source;
    const G* gradient = nullptr;  // T or Accumulate<T>
    EpiloguePart<G> epilogue;     // of it
    int64_t stride = 0;
    int64_t first = 0;
    int64_t count = 0;
    Gradient weight;  // of Accumulate<T>, and so is bias
    Gradient bias;
};

template <class T, class G>
void outer_product(const OuterProduct<T, G>& task, Context& context);

/// The chunks of its rows: few enough that their partial results together are small beside the matrices that are read.
Chunks outer_chunks(int64_t rows, int64_t depth, int64_t count);

/// out [rows, columns] = the sum of `count` parts [rows, padded] in their order, each part_size elements after the last.
template <class T>
void combine_outer_parts(const T* parts, int64_t count, int64_t part_size, int64_t rows, int64_t columns,
                         int64_t padded, const Gradient& out);

}  // namespace vitrine::cpu

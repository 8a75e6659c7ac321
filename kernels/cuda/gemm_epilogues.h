// What becomes of a product's sums while they are still in registers: see gemm in gemm.h.
//
//     GemmStore        gives each element to a Put: written with a bias, or as a gradient
//     GemmConvOutput   a convolution's y, and the moments of its channels
//     GemmChainRule    d_a of a convolution's input: through its prologue to d_x, and the sums for d_scale
//                      and d_shift
//
// A Put, passed by value, has Stored, what it leaves in memory, and put(row, column, V): V being Pack<T>, Pack<Stored> or
// Single<T>, it puts neighbouring columns of one row of C. The second kernel of a split product (gemm_split.h) takes the same Puts.
//
// Sums over the rows of a block tile go through the shared memory that the product no longer needs; where lanes of a warp have
// the same columns, shuffles among these come first. Bytes: y is written once; the partial moments of a channel are 3 values for
// each tile of rows, 3 / 128 of y.
//
// Of 16-bit y and d_x, T, the sums are Accumulate<T>, and the moments are those of the sums, not of what they are
// rounded to.
#pragma once

#include "kernels/cuda/channel_last.h"
#include "kernels/cuda/clamp_bounds.h"
#include "kernels/cuda/gemm.h"

namespace vitrine::VITRINE_GPU {

/// A tile of which the lanes of a warp that are above one another have the same columns, each its own in groups of neighbours,
/// of 8 where it has so many.
template <class Tile>
concept LanesDown = Tile::lanes_down >
0;

/// What a thread loads and stores of its neighbouring columns at once where T is stored: 16 bytes of 16-bit values if it has so
/// many, else a pack of sums.
template <class T, class Tile>
using PackOf =
    std::conditional_t<is_half_type<T> && LanesDown<Tile> && Tile::thread_columns % Pack<T>::size == 0,
                       Pack<T>, Pack<Accumulate<T>>>;

/// Calls f(i, j, row, column, V) for the values of a thread that lie inside of C: in Packs of
/// neighbours where `packs` says that every row begins at a multiple of 16 bytes, one by one otherwise.
template <class V, class T, class Tile, class F>
__device__ __forceinline__ void for_each_value(const GemmPlace<T, Tile>& place, bool packs, F&& f) {
    constexpr int size = V::size;
    if (packs) {
        VITRINE_UNROLL
        for (int i = 0; i < Tile::thread_rows; ++i) {
            const int row = place.row(i);
            if (row >= place.rows) continue;
            VITRINE_UNROLL
            for (int j = 0; j < Tile::thread_columns; j += size) {
                const int column = place.column(j);
                if (column < place.columns) f(i, j, row, column, V{});
            }
        }
        return;
    }
    VITRINE_UNROLL
    for (int i = 0; i < Tile::thread_rows; ++i) {
        const int row = place.row(i);
        if (row >= place.rows) continue;
        VITRINE_UNROLL
        for (int j = 0; j < Tile::thread_columns; ++j) {
            const int column = place.column(j);
            if (column < place.columns) f(i, j, row, column, Single<T>{});
        }
    }
}

/// Neighbours of a row of the micro-tile, from column j on.
template <class V, class T, int columns>
__device__ __forceinline__ V values_from(const T (&row)[columns], int j) {
    V v;
    VITRINE_UNROLL
    for (int s = 0; s < V::size; ++s) v[s] = row[j + s];
    return v;
}

/// What belongs to a thread's columns: from [n], or `otherwise` where that is null.
template <class T, class Tile>
__device__ __forceinline__ void load_columns(const GemmPlace<T, Tile>& place, bool packs, const T* from,
                                             T otherwise, T (&values)[Tile::thread_columns]) {
    constexpr int size = Pack<T>::size;
    VITRINE_UNROLL
    for (int j = 0; j < Tile::thread_columns; ++j) values[j] = otherwise;
    if (from == nullptr) return;
    VITRINE_UNROLL
    for (int j = 0; j < Tile::thread_columns; j += size) {
        const int column = place.column(j);
        if (packs && column < place.columns) {
            const Pack<T> pack = load_pack(from + column);
            VITRINE_UNROLL
            for (int s = 0; s < size; ++s) values[j + s] = pack[s];
        } else {
            VITRINE_UNROLL
            for (int s = 0; s < size; ++s) {
                if (column + s < place.columns) values[j + s] = from[column + s];
            }
        }
    }
}

/// y = C + bias. Splits write partial tiles [splits, m, n] instead, without a bias.
template <class T>
struct PutOutput {
    using Stored = T;

    T* y;
    const Accumulate<T>* bias;  // [n], or null
    int row_length;

    template <class V>
    __device__ __forceinline__ void operator()(int row, int column, V v) const {
        if (bias != nullptr) {
            const V more = load_values<V>(bias + column);
            VITRINE_UNROLL
            for (int s = 0; s < V::size; ++s) v[s] += more[s];
        }
        store_values(y + row * row_length + column, v);
    }
};

/// Writes or accumulates C into a gradient.
template <class T>
struct PutGradient {
    using Stored = T;

    ValuesWriter<T> gradient;
    int row_length;

    template <class V>
    __device__ __forceinline__ void operator()(int row, int column, V v) const {
        gradient(row * row_length + column, v);
    }
};

/// One of the partial results of a split product, [splits, m, n].
template <class T>
struct PutPartial {
    using Stored = T;

    T* partials;
    int row_length;
    int64_t count;  // m · row_length

    template <class V>
    __device__ __forceinline__ void operator()(int row, int column, V v) const {
        store_values(partials + blockIdx.z * count + row * row_length + column, v);
    }
};

template <class T, class Put>
struct GemmStore {
    Put put;
    bool packs;

    template <class Tile>
    __device__ __forceinline__ void operator()(const GemmPlace<T, Tile>& place,
                                               const T (&sums)[Tile::thread_rows][Tile::thread_columns],
                                               T*) const {
        using All = PackOf<typename Put::Stored, Tile>;
        for_each_value<All>(place, packs, [&]<class V>(int i, int j, int row, int column, V) {
            put(row, column, values_from<V>(sums[i], j));
        });
    }
};

/// The sums of 8 lanes of a warp that are above one another, of `columns` values each: the lanes share the columns out among
/// them, so that each hands on half of what it has left. Lane `down` gets the total of column down · columns / 8.
template <int columns, class T>
__device__ __forceinline__ T total_of_lanes(const T* mine) {
    constexpr int all_lanes = 32;
    static_assert(columns <= 8);
    T v[columns];
    VITRINE_UNROLL
    for (int j = 0; j < columns; ++j) v[j] = mine[j];
    VITRINE_UNROLL
    for (int left = columns / 2, bit = all_lanes / 2; bit >= all_lanes / 8; left /= 2, bit /= 2) {
        const bool upper = (static_cast<int>(threadIdx.x) & bit) != 0;
        if (left == 0) v[0] += __shfl_xor_sync(0xFFFFFFFFu, v[0], bit);
        VITRINE_UNROLL
        for (int j = 0; j < left; ++j) {
            const T theirs = __shfl_xor_sync(0xFFFFFFFFu, upper ? v[j] : v[j + left], bit);
            v[j] = (upper ? v[j + left] : v[j]) + theirs;
        }
    }
    return v[0];
}

/// The sums of a block tile's columns over all threads: `mine` are those of the thread's own rows. The
/// threads below Tile::columns get the total of that column. Called by all threads; it begins to write
/// at `shared` without a barrier, and ends without one.
template <class T, class Tile>
__device__ __forceinline__ T column_total(const GemmPlace<T, Tile>& place,
                                          const T (&mine)[Tile::thread_columns], T* shared) {
    int rows = Tile::threads_down;  // of the table in shared memory
    if constexpr (LanesDown<Tile>) {
        rows = Tile::threads_down / Tile::lanes_down;
        constexpr int neighbours = Tile::thread_columns < 8 ? Tile::thread_columns : 8;
        constexpr int lanes_of_column = Tile::lanes_down / neighbours;
        const int down = place.thread_down % Tile::lanes_down;
        VITRINE_UNROLL
        for (int j = 0; j < Tile::thread_columns; j += neighbours) {
            const T total = total_of_lanes<neighbours>(mine + j);
            if (down % lanes_of_column == 0) {
                shared[place.thread_down / Tile::lanes_down * Tile::sums_stride +
                       place.local_column(j + down / lanes_of_column)] = total;
            }
        }
    } else {
        constexpr int size = Pack<T>::size;
        VITRINE_UNROLL
        for (int j = 0; j < Tile::thread_columns; j += size) {
            store_pack(shared + place.thread_down * Tile::sums_stride + place.local_column(j),
                       values_from<Pack<T>>(mine, j));
        }
    }
    __syncthreads();
    const int me = static_cast<int>(threadIdx.x);
    T total = T(0);
    if (me < Tile::columns) {
        VITRINE_UNROLL
        for (int down = 0; down < rows; ++down) total += shared[down * Tile::sums_stride + me];
    }
    return total;
}

/// The columns of a block tile, as those of a partial result.
template <class T, class Tile>
__device__ __forceinline__ ChannelTile channel_tile(const GemmPlace<T, Tile>& place) {
    return {place.first_column / Tile::columns, place.first_column,
            min(Tile::columns, place.columns - place.first_column)};
}

/// y, and for each tile of rows the count, mean and centred squares of every channel, which the last blocks join.
template <class T>
struct GemmConvOutput {
    using A = Accumulate<T>;

    PutOutput<T> put;
    bool packs;
    LastMoments<A> moments;

    template <class Tile>
    __device__ __forceinline__ void operator()(const GemmPlace<A, Tile>& place,
                                               A (&sums)[Tile::thread_rows][Tile::thread_columns],
                                               A* shared) const {
        if (put.bias != nullptr) {
            A bias[Tile::thread_columns];
            load_columns(place, packs, put.bias, A(0), bias);
            VITRINE_UNROLL
            for (int i = 0; i < Tile::thread_rows; ++i) {
                VITRINE_UNROLL
                for (int j = 0; j < Tile::thread_columns; ++j) sums[i][j] += bias[j];
            }
        }
        GemmStore<A, PutOutput<T>>{{put.y, nullptr, put.row_length}, packs}(place, sums, shared);
        if (moments.partials == nullptr) return;
        leave_moments(place, sums, shared);
        moments.template finish<gemm_threads>(place.row_tile, channel_tile(place), shared);
    }

  private:
    /// In two passes over the registers: first the mean of the tile's rows, then the distances to it.
    template <class Tile>
    __device__ __forceinline__ void leave_moments(const GemmPlace<A, Tile>& place,
                                                  const A (&sums)[Tile::thread_rows][Tile::thread_columns],
                                                  A* shared) const {
        A mine[Tile::thread_columns] = {};
        VITRINE_UNROLL
        for (int i = 0; i < Tile::thread_rows; ++i) {
            if (place.row(i) >= place.rows) continue;
            VITRINE_UNROLL
            for (int j = 0; j < Tile::thread_columns; ++j) mine[j] += sums[i][j];
        }
        const int me = static_cast<int>(threadIdx.x);
        const A count = static_cast<A>(place.rows_here());
        const A mean = column_total(place, mine, shared) / count;
        A* means = shared + Tile::threads_down * Tile::sums_stride;
        if (me < Tile::columns) means[me] = mean;
        __syncthreads();

        A squares[Tile::thread_columns] = {};
        constexpr int size = Pack<A>::size;
        VITRINE_UNROLL
        for (int j = 0; j < Tile::thread_columns; j += size) {
            const Pack<A> centre = load_pack(means + place.local_column(j));
            VITRINE_UNROLL
            for (int s = 0; s < size; ++s) mine[j + s] = centre[s];
        }
        VITRINE_UNROLL
        for (int i = 0; i < Tile::thread_rows; ++i) {
            if (place.row(i) >= place.rows) continue;
            VITRINE_UNROLL
            for (int j = 0; j < Tile::thread_columns; ++j) {
                const A distance = sums[i][j] - mine[j];
                squares[j] = multiply_add(distance, distance, squares[j]);
            }
        }
        const A m2 = column_total(place, squares, shared);
        const int column = place.first_column + me;
        if (me >= Tile::columns || column >= place.columns) return;
        A* to = moments.partials + int64_t{place.row_tile} * 3 * place.columns + column;
        to[0] = count;
        to[place.columns] = mean;
        to[2 * place.columns] = m2;
    }
};

/// Row m of the product is pixel m of x.
struct PixelsInOrder {
    __device__ __forceinline__ int operator()(int row) const { return row; }
};

/// d_u = d_a · activation'(u), d_x = scale_c · d_u, and for each tile of rows Σ d_u · x and Σ d_u, which the last
/// blocks add up. Pixels says which pixel of x a row of the product is.
template <class T, class Pixels = PixelsInOrder>
struct GemmChainRule {
    using A = Accumulate<T>;

    PrologueOn<A> prologue;
    const T* x;
    PutGradient<T> d_x;
    bool packs;
    PrologueSums<A> sums;
    Pixels pixels{};
    ClampBounds<A> bounds{prologue.activation};

    template <class Tile>
    __device__ __forceinline__ void operator()(const GemmPlace<A, Tile>& place,
                                               const A (&d_a)[Tile::thread_rows][Tile::thread_columns],
                                               A* shared) const {
        A scale[Tile::thread_columns];
        A shift[Tile::thread_columns];
        load_columns(place, packs, prologue.scale, A(1), scale);
        load_columns(place, packs, prologue.shift, A(0), shift);
        A scale_sums[Tile::thread_columns] = {};
        A shift_sums[Tile::thread_columns] = {};
        using All = PackOf<T, Tile>;
        StoredValues<All, T> inputs[Tile::thread_rows][Tile::thread_columns / All::size];
        const auto input_of = [&]<class V>(int i, int j, int pixel, int column, V) {
            if constexpr (LanesDown<Tile> && V::size > 1) return widen_values<V, T>(inputs[i][j / V::size]);
            return load_values<V>(x + pixel * place.columns + column);
        };
        if constexpr (LanesDown<Tile>) {
            if (packs) fetch_all(place, inputs);
        }
        for_each_value<All>(place, packs, [&]<class V>(int i, int j, int row, int column, V all) {
            const int pixel = pixels(row);
            const V input = input_of(i, j, pixel, column, all);
            V gradient;
            VITRINE_UNROLL
            for (int s = 0; s < V::size; ++s) {
                const A u = multiply_add(scale[j + s], input[s], shift[j + s]);
                const A d_u = bounds.inside(u, true) ? d_a[i][j + s] : A(0);
                scale_sums[j + s] = multiply_add(d_u, input[s], scale_sums[j + s]);
                shift_sums[j + s] += d_u;
                gradient[s] = scale[j + s] * d_u;
            }
            if (d_x.gradient) d_x(pixel, column, gradient);
        });
        if (sums.partials == nullptr) return;
        const A scale_sum = column_total(place, scale_sums, shared);
        __syncthreads();
        const A shift_sum = column_total(place, shift_sums, shared);
        const int me = static_cast<int>(threadIdx.x);
        const int column = place.first_column + me;
        if (me < Tile::columns && column < place.columns) {
            A* to = sums.partials + int64_t{place.row_tile} * 2 * place.columns + column;
            to[0] = scale_sum;
            to[place.columns] = shift_sum;
        }
        sums.template finish<gemm_threads>(place.row_tile, channel_tile(place), shared);
    }

  private:
    /// All of a thread's x before the first d_x is stored: behind that, each would have to wait for the one before.
    template <class Tile, class Words, int packs_of_row>
    __device__ __forceinline__ void fetch_all(const GemmPlace<A, Tile>& place,
                                              Words (&inputs)[Tile::thread_rows][packs_of_row]) const {
        using All = PackOf<T, Tile>;
        VITRINE_UNROLL
        for (int i = 0; i < Tile::thread_rows; ++i) {
            const int row = min(place.row(i), place.rows - 1);
            VITRINE_UNROLL
            for (int j = 0; j < packs_of_row; ++j) {
                const int column = place.column(j * All::size);
                if (column < place.columns) {
                    inputs[i][j] = fetch_values<All>(x + pixels(row) * place.columns + column);
                }
            }
        }
    }
};

}  // namespace vitrine::VITRINE_GPU

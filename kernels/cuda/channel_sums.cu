// Per-channel statistics of x [rows, channels], reading x once: sizeof(T) bytes and about 5 FLOPs an element.
//
// Means and centred squares do not add up as sums do. A thread takes 8 rows into registers, their mean, and
// Σ (x − mean)² of the registers; what it holds from the rows before, what the other threads of the block
// hold, and the chunks of all blocks are joined by Chan's formula. Everything is measured from the chunk's
// first row, so that a mean far from 0 costs no digits.

#include "kernels/cuda/channel_sums.h"

#include <algorithm>

#include "kernels/cuda/channel_finish.h"

namespace vitrine::VITRINE_GPU {
namespace {

/// How many threads lie side by side. A short row is taken whole. A long one is cut into tiles of 32 to 64
/// lanes, which read at least 512 consecutive bytes (packs) and leave several threads for the rows, so that
/// chunks are long and partial sums few; among these, what leaves the fewest threads without work.
int64_t choose_lanes(int64_t vectors) {
    constexpr int64_t most = 64, fewest = 32;
    if (vectors <= most) return vectors;
    int64_t best = most, least_slots = 0;
    for (int64_t lanes = most; lanes >= fewest; --lanes) {
        const int64_t tiles = divide_up(vectors, lanes);
        // Threads' places for every row, busy or not, times 2^16.
        const int64_t slots = (tiles * column_threads << 16) / (column_threads / lanes);
        if (lanes < most && slots >= least_slots) continue;
        best = lanes;
        least_slots = slots;
    }
    return best;
}

}  // namespace

Columns share_out(int64_t groups, int64_t rows, int64_t channels, int size, Shares shares) {
    const int64_t vectors = divide_up(channels, int64_t{size});
    const int64_t tiles = divide_up(vectors, choose_lanes(vectors));
    const int64_t lanes = divide_up(vectors, tiles);
    const int64_t row_threads = column_threads / lanes;

    const int64_t most_chunks = std::max<int64_t>(1, shares.most_blocks / (tiles * groups));
    const int64_t chunks = std::clamp<int64_t>(rows / (row_threads * shares.fewest_rows), 1, most_chunks);
    const int64_t chunk_rows = divide_up(divide_up(rows, chunks), row_threads) * row_threads;
    return {rows,
            channels,
            groups,
            divide_up(rows, chunk_rows),
            chunk_rows,
            static_cast<int>(lanes),
            static_cast<int>(row_threads),
            static_cast<int>(tiles)};
}

namespace {

/// As many as 32 registers hold.
template <class V>
constexpr int rows_together = V::size == 8 ? 4 : 8;

/// The moments of a thread's channels: they have the count in common.
template <class V, class T>
struct ThreadMoments {
    T count = T(0);
    V mean = all_values<V>(T(0));
    V m2 = all_values<V>(T(0));

    __device__ __forceinline__ void merge(T more, const V& their_mean, const V& their_m2) {
        if (more == T(0)) return;
        const T total = count + more;
        const T share = more / total;
        VITRINE_UNROLL
        for (int i = 0; i < V::size; ++i) {
            const T distance = their_mean[i] - mean[i];
            mean[i] = multiply_add(distance, share, mean[i]);
            m2[i] = multiply_add(distance * distance, count * share, m2[i] + their_m2[i]);
        }
        count = total;
    }
};

/// Mean and m2 of at most rows_together<V> rows in registers; the `count` first ones are there.
template <class V, class T>
__device__ __forceinline__ void merge_rows(ThreadMoments<V, T>& moments, const V (&values)[rows_together<V>],
                                           int count) {
    const T weight = static_cast<T>(count);
    const T reciprocal = T(1) / weight;
    V mean, m2;
    VITRINE_UNROLL
    for (int c = 0; c < V::size; ++c) {
        T sum = T(0);
        VITRINE_UNROLL
        for (int i = 0; i < rows_together<V>; ++i) sum += i < count ? values[i][c] : T(0);
        mean[c] = sum * reciprocal;
        T squares = T(0);
        VITRINE_UNROLL
        for (int i = 0; i < rows_together<V>; ++i) {
            const T distance = i < count ? values[i][c] - mean[c] : T(0);
            squares = multiply_add(distance, distance, squares);
        }
        m2[c] = squares;
    }
    moments.merge(weight, mean, m2);
}

/// The moments of a thread's rows, as distances to `origin`.
template <class V, class T>
__device__ __forceinline__ ThreadMoments<V, Accumulate<T>> moments_of_rows(const Columns& columns,
                                                                           const ColumnThread& thread,
                                                                           ReadOnly<T> x, const V& origin) {
    ThreadMoments<V, Accumulate<T>> moments;
    const int64_t step = columns.row_threads;
    const int64_t index_step = step * columns.channels;
    ReadOnly<T> next = x + thread.begin * columns.channels + thread.channel;
    for (int64_t row = thread.begin; row < thread.end; row += rows_together<V> * step) {
        V values[rows_together<V>];
        int count = 0;
        VITRINE_UNROLL
        for (int i = 0; i < rows_together<V>; ++i) {
            values[i] = origin;
            if (row + i * step < thread.end) {
                values[i] = load_values<V>(next + i * index_step);
                ++count;
            }
        }
        VITRINE_UNROLL
        for (int i = 0; i < rows_together<V> * V::size; ++i) {
            values[i / V::size][i % V::size] -= origin[i % V::size];
        }
        merge_rows(moments, values, count);
        next += rows_together<V> * index_step;
    }
    return moments;
}

/// Joins the moments of a block's threads that have the same channels: as add_up_rows.
template <class V, class T>
__device__ __forceinline__ void join_rows(const Columns& columns, const ColumnThread& thread,
                                          ThreadMoments<V, T>& moments) {
    __shared__ T counts[column_threads];
    __shared__ T means[V::size][column_threads];
    __shared__ T m2s[V::size][column_threads];
    const int me = static_cast<int>(threadIdx.x);
    for (int width = columns.row_threads; width > 1;) {
        const int half = (width + 1) / 2;
        if (thread.row >= half && thread.row < width) {
            counts[me] = moments.count;
            VITRINE_UNROLL
            for (int i = 0; i < V::size; ++i) {
                means[i][me] = moments.mean[i];
                m2s[i][me] = moments.m2[i];
            }
        }
        __syncthreads();
        if (thread.row < width - half) {
            const int partner = me + half * columns.lanes;
            V mean, m2;
            VITRINE_UNROLL
            for (int i = 0; i < V::size; ++i) {
                mean[i] = means[i][partner];
                m2[i] = m2s[i][partner];
            }
            moments.merge(counts[partner], mean, m2);
        }
        width = half;
    }
}

/// last.partials [chunks, 3, channels]; Last is LeaveChunks or LastMoments. Three blocks at a time: ptxas would rather
/// spill than give up a fourth.
template <class V, class T, class Last>
__global__ void __launch_bounds__(column_threads, 3)
    moments_of_chunks(Columns columns, ReadOnly<T> x, Last last) {
    const ColumnThread thread(columns, V::size);
    using A = Accumulate<T>;
    V origin = all_values<V>(A(0));
    ThreadMoments<V, A> moments;
    if (thread.active) {
        const int64_t first_row = thread.begin - thread.row;
        origin = load_values<V>(x + first_row * columns.channels + thread.channel);
        moments = moments_of_rows(columns, thread, x, origin);
    }
    join_rows(columns, thread, moments);
    if (thread.active && thread.row == 0) {
        A* partial = last.partials + int64_t{blockIdx.x} * 3 * columns.channels + thread.channel;
        VITRINE_UNROLL
        for (int i = 0; i < V::size; ++i) moments.mean[i] += origin[i];
        store_values(partial, all_values<V>(moments.count));
        store_values(partial + columns.channels, moments.mean);
        store_values(partial + 2 * columns.channels, moments.m2);
    }
    finish_chunk(columns, V::size, last);
}

/// Writes or accumulates up to 4 sums of a channel.
template <class T, int sums>
struct PutGradients {
    GradientWriter<T> to[4];

    __device__ __forceinline__ void operator()(int64_t channel, const T (&totals)[sums]) const {
        VITRINE_UNROLL
        for (int k = 0; k < sums; ++k) {
            if (to[k]) to[k](channel, totals[k]);
        }
    }
};

template <class T>
struct PutMoments {
    T* mean;
    T* m2;

    __device__ __forceinline__ void operator()(int64_t channel, T channel_mean, T channel_m2) const {
        mean[channel] = channel_mean;
        m2[channel] = channel_m2;
    }
};

template <int sums, class T>
void finish_sums_to(const T* partials, int64_t chunks, int64_t channels,
                    std::span<const Gradient> gradients) {
    const auto to = [&](size_t k) {
        return GradientWriter<T>(k < gradients.size() ? gradients[k] : Gradient{});
    };
    run_finish_sums<sums>(partials, 1, chunks, channels, PutGradients<T, sums>{{to(0), to(1), to(2), to(3)}});
}

}  // namespace

template <class T>
void finish_sums(const T* partials, int64_t chunks, int64_t channels, std::span<const Gradient> gradients) {
    switch (gradients.size()) {
        case 1:
            return finish_sums_to<1>(partials, chunks, channels, gradients);
        case 2:
            return finish_sums_to<2>(partials, chunks, channels, gradients);
        case 3:
            return finish_sums_to<3>(partials, chunks, channels, gradients);
        case 4:
            return finish_sums_to<4>(partials, chunks, channels, gradients);
        default:
            throw std::logic_error("finish_sums takes one to four sums");
    }
}

template <class T>
void finish_moments(const T* partials, int64_t chunks, int64_t channels, T* mean, T* m2) {
    run_finish_moments(partials, chunks, channels, PutMoments<T>{mean, m2});
}

template <class V, class T>
Partials<Accumulate<T>> chunk_moments(const T* x, int64_t rows, int64_t channels, Context& context) {
    using A = Accumulate<T>;
    if (rows * channels == 0) return {};
    const Columns columns = share_out(1, rows, channels, V::size, sum_shares);
    const Partials<A> partials{context.scratch.take<A>(columns.chunks * 3 * channels), columns.chunks};
    launch(moments_of_chunks<V, T, LeaveChunks<A>>, columns.grid(), column_threads, 0, stream(), columns, x,
           LeaveChunks<A>{partials.data});
    return partials;
}

template <class T>
void channel_moments(const T* x, int64_t rows, int64_t channels, T* mean, T* m2, Context& context) {
    if (rows == 0) return finish_moments<T>(nullptr, 0, channels, mean, m2);
    if (channels == 0) return;
    with_values<T>(packs_fit<T>(channels, x), [&]<class V>() {
        const Columns columns = share_out(1, rows, channels, V::size, sum_shares);
        launch(moments_of_chunks<V, T, LastMoments<T>>, columns.grid(), column_threads, 0, stream(), columns,
               x, LastMoments<T>(columns.chunks, columns.tiles, channels, {mean, m2}, context));
    });
}

#define VITRINE_FOR_SUMS_OF(T)                                                        \
    template void finish_sums(const T*, int64_t, int64_t, std::span<const Gradient>); \
    template void finish_moments(const T*, int64_t, int64_t, T*, T*);                 \
    template void channel_moments(const T*, int64_t, int64_t, T*, T*, Context&);
VITRINE_FOR_SUMS_OF(float)
VITRINE_FOR_SUMS_OF(double)
#undef VITRINE_FOR_SUMS_OF

#define VITRINE_FOR_ROWS_OF(T, A)                                                      \
    template Partials<A> chunk_moments<Pack<T>>(const T*, int64_t, int64_t, Context&); \
    template Partials<A> chunk_moments<Single<T>>(const T*, int64_t, int64_t, Context&);
VITRINE_FOR_ROWS_OF(float, float)
VITRINE_FOR_ROWS_OF(double, double)
VITRINE_FOR_ROWS_OF(bf16, float)
VITRINE_FOR_ROWS_OF(f16, float)
#undef VITRINE_FOR_ROWS_OF

}  // namespace vitrine::VITRINE_GPU

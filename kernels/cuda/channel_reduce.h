// Passes over an array of rows of channels, [rows, channels]: the way in which batch norm, the prologue and
// the epilogue of convolutions, and the global average pool walk through memory.
//
// A block of threads takes a chunk of rows. Its threads lie over the array as its memory does: `lanes`
// threads side by side take one row (or one tile of a long row), the next `lanes` threads the row below, so
// that a warp always reads consecutive bytes, for 3 channels as well as for 1280, and no lane idles because
// channels are few:
//
//     channels = 24 floats = 6 packs        thread   0  1  2  3  4  5      row 0 of the chunk
//                                                    6  7  8  9 10 11      row 1
//                                                   …
//                                                  246 … 251               row 41;  252 … 255 have nothing
//                                                    0  1  2  3  4  5      row 42
//
// A thread stays with its channels, so what belongs to a channel (mean, scale…) is loaded once into registers
// and sums over rows stay in registers, too. At the end the block's threads of the same channels add up
// their sums through shared memory, as a tree, and leave one partial sum for each chunk: the last block puts
// them together (channel_last.h), or a launch of its own (channel_finish.h). What is added to what depends on the shape
// alone.
#pragma once

#include <type_traits>

#include "kernels/cuda/channel_last.h"

namespace vitrine::VITRINE_GPU {

constexpr int column_threads = 256;

/// How many rows a thread loads before it works on them: that many requests are under way at once.
constexpr int rows_in_flight = 4;
/// Of 16-bit values, 8 floats a pack once they are loaded, half as many: registers are what limits them.
template <class V>
constexpr int rows_at_once = V::size == 8 ? rows_in_flight / 2 : rows_in_flight;

/// One value, with a Pack's interface: what a thread takes where packs do not fit.
template <class T>
struct Single {
    using Element = T;
    static constexpr int size = 1;
    Accumulate<T> value;

    __device__ __forceinline__ Accumulate<T>& operator[](int) { return value; }
    __device__ __forceinline__ const Accumulate<T>& operator[](int) const { return value; }
};

/// Neighbouring channels of one row, V being Pack<T> or Single<T>, from an array of T or of the channels' numbers
/// beside it, Accumulate<T>. These are 32 bytes of a Pack of 16-bit values: two accesses. V may be a Pack of floats, too,
/// where 16-bit values lie: one access of 8 bytes.
template <class V, class Pointer>
__device__ __forceinline__ V load_values(Pointer from) {
    if constexpr (V::size == 1) {
        return {load_value(from)};
    } else if constexpr (std::is_same_v<Pointee<Pointer>, typename V::Element>) {
        return load_pack(from);
    } else if constexpr (is_half_type<Pointee<Pointer>>) {
        const uint2 words = load_as<uint2>(from);
        V v;
        take_word<Pointee<Pointer>>(words.x, v[0], v[1]);
        take_word<Pointee<Pointer>>(words.y, v[2], v[3]);
        return v;
    } else {
        const auto low = load_pack(from), high = load_pack(from + 4);
        return {{low[0], low[1], low[2], low[3], high[0], high[1], high[2], high[3]}};
    }
}
template <class To, class V>
__device__ __forceinline__ void store_values(To* to, const V& v) {
    if constexpr (V::size == 1) {
        store_value(to, v[0]);
    } else if constexpr (std::is_same_v<To, typename V::Element>) {
        store_pack(to, v);
    } else if constexpr (is_half_type<To>) {
        *reinterpret_cast<uint2*>(to) = make_uint2(word_of<To>(v[0], v[1]), word_of<To>(v[2], v[3]));
    } else {
        store_pack(to, {{v[0], v[1], v[2], v[3]}});
        store_pack(to + 4, {{v[4], v[5], v[6], v[7]}});
    }
}

/// V with the same value everywhere.
template <class V, class T>
__device__ __forceinline__ V all_values(T value) {
    V v;
    VITRINE_UNROLL
    for (int i = 0; i < V::size; ++i) v[i] = value;
    return v;
}

/// load_values, or `otherwise` where there is nothing to load from.
template <class V, class T>
__device__ __forceinline__ V load_values_or(const T* from, int64_t channel, Accumulate<T> otherwise) {
    return from == nullptr ? all_values<V>(otherwise) : load_values<V>(from + channel);
}

/// u = scale · x + shift, with a thread's scale and shift; without a scale u is x, whatever x is.
template <class V>
struct ChannelAffine {
    V scale;
    V shift;
    bool on;

    template <class T>
    __device__ __forceinline__ ChannelAffine(const T* scales, const T* shifts, int64_t channel)
        : scale(load_values_or<V>(scales, channel, T(1))),
          shift(load_values_or<V>(shifts, channel, T(0))),
          on(scales != nullptr) {}

    __device__ __forceinline__ auto operator()(const V& x, int i) const {
        return on ? multiply_add(scale[i], x[i], shift[i]) : x[i];
    }
};

/// Writes or accumulates a gradient, V at a time.
template <class T>
class ValuesWriter {
  public:
    explicit ValuesWriter(const Gradient& gradient)
        : data_(static_cast<T*>(gradient.data)), accumulate_(gradient.mode == GradMode::accumulate) {}

    __device__ __forceinline__ explicit operator bool() const { return data_ != nullptr; }
    template <class V>
    __device__ __forceinline__ void operator()(int64_t index, V v) const {
        if (accumulate_) {
            const V before = load_values<V>(data_ + index);
            VITRINE_UNROLL
            for (int i = 0; i < V::size; ++i) v[i] = before[i] + v[i];
        }
        store_values(data_ + index, v);
    }

  private:
    T* data_;
    bool accumulate_;
};

/// How an array is shared out among blocks. `groups` arrays of [rows, channels] may lie behind one another
/// (the images of a batch); a chunk never reaches over the end of its own.
struct Columns {
    int64_t rows;  // of one group
    int64_t channels;
    int64_t groups;
    int64_t chunks;      // of one group
    int64_t chunk_rows;  // of every chunk but a group's last
    int lanes;           // threads side by side
    int row_threads;     // threads below one another
    int tiles;           // of lanes · V::size channels, that make a row

    int64_t all_chunks() const { return groups * chunks; }
    dim3 grid() const {
        dim3 blocks = blocks_for(all_chunks(), 1);
        blocks.y = static_cast<unsigned>(tiles);
        return blocks;
    }
};

/// Into how many chunks rows are cut.
struct Shares {
    int64_t most_blocks;  // more rows than so many blocks take at once make longer chunks, not more of them
    int64_t fewest_rows;  // of a thread
};

/// Passes that leave nothing behind but what they write: enough blocks to fill a GPU a few times over.
constexpr Shares pass_shares{2048, rows_in_flight};
/// Passes that leave partial sums, which must be written and read again: fewer and longer chunks.
constexpr Shares sum_shares{512, 2 * rows_in_flight};

/// Shares out, for threads that take `size` channels at once.
Columns share_out(int64_t groups, int64_t rows, int64_t channels, int size, Shares shares);

/// What the running thread has to do.
struct ColumnThread {
    int row;          // among the block's row_threads
    bool active;      // false: beyond the last lane or the last channel
    int64_t channel;  // its first one
    int64_t group;
    int64_t begin;  // its first row, counted over all groups; the next are row_threads further on
    int64_t end;    // behind the last row of its chunk

    __device__ __forceinline__ ColumnThread(const Columns& columns, int size) {
        const int thread = static_cast<int>(threadIdx.x);
        row = thread / columns.lanes;
        const int64_t lane = int64_t{blockIdx.y} * columns.lanes + (thread - row * columns.lanes);
        channel = lane * size;
        active = row < columns.row_threads && channel < columns.channels;
        group = int64_t{blockIdx.x} / columns.chunks;
        const int64_t first = (int64_t{blockIdx.x} - group * columns.chunks) * columns.chunk_rows;
        const int64_t last = first + columns.chunk_rows;
        begin = group * columns.rows + first + row;
        end = group * columns.rows + (last < columns.rows ? last : columns.rows);
    }
};

/// Adds up `count` sums over the threads of a block that have the same channels; the threads of row 0 get the
/// totals. Called by all threads of a block. sums [count]; size 1 if there is none.
template <int count, class V>
__device__ __forceinline__ void add_up_rows(const Columns& columns, const ColumnThread& thread,
                                            V (&sums)[count]) {
    using T = std::remove_reference_t<decltype(sums[0][0])>;
    // One plane for each value of a thread: neighbouring threads use neighbouring banks.
    __shared__ T planes[count * V::size][column_threads];
    const int me = static_cast<int>(threadIdx.x);
    // Each step adds the lower half of the rows to the upper half; rows that are written below are never
    // read above, so one barrier a step is enough.
    for (int width = columns.row_threads; width > 1;) {
        const int half = (width + 1) / 2;
        if (thread.row >= half && thread.row < width) {
            VITRINE_UNROLL
            for (int k = 0; k < count * V::size; ++k) planes[k][me] = sums[k / V::size][k % V::size];
        }
        __syncthreads();
        if (thread.row < width - half) {
            const int partner = me + half * columns.lanes;
            VITRINE_UNROLL
            for (int k = 0; k < count * V::size; ++k) sums[k / V::size][k % V::size] += planes[k][partner];
        }
        width = half;
    }
}

/// Puts the chunks together where the running block is the last, and Last is not LeaveChunks. Called by all threads.
template <class Last>
__device__ __forceinline__ void finish_chunk(const Columns& columns, int size, const Last& last) {
    if constexpr (Last::shared_values > 0) {
        using T = std::remove_pointer_t<decltype(last.partials)>;
        __shared__ T shared[Last::shared_values * column_threads];
        const int64_t width = int64_t{columns.lanes} * size, first = blockIdx.y * width;
        const int64_t rest = columns.channels - first;
        last.template finish<column_threads>(
            static_cast<int>(blockIdx.x),
            {static_cast<int>(blockIdx.y), first, static_cast<int>(rest < width ? rest : width)}, shared);
    }
}

/// Blocks that a multiprocessor needs registers for at a time: a body's own number, else 0, ptxas's choice.
template <class Body>
constexpr int least_blocks = 0;
template <class Body>
requires(Body::least_blocks >= 0) constexpr int least_blocks<Body> = Body::least_blocks;

/// The skeleton of every pass. Body, passed by value, has
///     using Element, the type of sums, static constexpr int sums (0 allowed)
///     at<V>(channel, group)          what belongs to the channels: loaded once
///     load<V>(index)                 what belongs to an element; index counts over the whole array
///     apply(at, loaded, index, sums) does the work and adds to sums[k]
/// last.partials [all chunks, sums, channels]; Last is LeaveChunks, or LastSums over the chunks of all groups.
template <class V, class Body, class Last>
__global__ void __launch_bounds__(column_threads, least_blocks<Body>)
    over_columns(Columns columns, Body body, Last last) {
    using T = typename Body::Element;
    const ColumnThread thread(columns, V::size);
    V sums[Body::sums == 0 ? 1 : Body::sums];
    VITRINE_UNROLL
    for (int k = 0; k < Body::sums; ++k) sums[k] = all_values<V>(T(0));

    if (thread.active) {
        const auto at = body.template at<V>(thread.channel, thread.group);
        const int64_t step = columns.row_threads;
        const int64_t index_step = step * columns.channels;
        int64_t row = thread.begin;
        int64_t index = row * columns.channels + thread.channel;
        for (; row + (rows_at_once<V> - 1) * step < thread.end; row += rows_at_once<V> * step) {
            decltype(body.template load<V>(0)) loaded[rows_at_once<V>];
            VITRINE_UNROLL
            for (int i = 0; i < rows_at_once<V>; ++i) {
                loaded[i] = body.template load<V>(index + i * index_step);
            }
            VITRINE_UNROLL
            for (int i = 0; i < rows_at_once<V>; ++i) body.apply(at, loaded[i], index + i * index_step, sums);
            index += rows_at_once<V> * index_step;
        }
        for (; row < thread.end; row += step) {
            body.apply(at, body.template load<V>(index), index, sums);
            index += index_step;
        }
    }

    if constexpr (Body::sums > 0) {
        add_up_rows(columns, thread, sums);
        if (thread.active && thread.row == 0) {
            VITRINE_UNROLL
            for (int k = 0; k < Body::sums; ++k) {
                const int64_t at = (int64_t{blockIdx.x} * Body::sums + k) * columns.channels;
                store_values(last.partials + at + thread.channel, sums[k]);
            }
        }
        finish_chunk(columns, V::size, last);
    }
}

/// Why threads cannot take packs, or null if they can: every row of every array must start at a multiple of
/// 16 bytes.
template <class... Pointers>
const char* refuses_packs(DType dtype, int64_t channels, Pointers... pointers) {
    if (channels % static_cast<int64_t>(16 / size_of(dtype)) != 0) {
        return "a row's channels are not a multiple of 16 bytes";
    }
    return aligned(pointers...) ? nullptr : "a pointer is not aligned to 16 bytes";
}
template <class T, class... Pointers>
bool packs_fit(int64_t channels, Pointers... pointers) {
    return refuses_packs(dtype_of<T>, channels, pointers...) == nullptr;
}

/// Calls f.operator()<V>() with Pack<T> or Single<T>.
template <class T, class F>
void with_values(bool packs, F&& f) {
    if (packs) {
        f.template operator()<Pack<T>>();
    } else {
        f.template operator()<Single<T>>();
    }
}

/// Partial sums of chunks: [chunks, sums, channels] in scratch memory.
template <class T>
struct Partials {
    T* data = nullptr;
    int64_t chunks = 0;
};

/// Runs a body without sums over all rows.
template <class V, class Body, class T = typename Body::Element>
void run_over_columns(const Body& body, int64_t groups, int64_t rows, int64_t channels,
                      Shares shares = pass_shares) {
    static_assert(Body::sums == 0);
    if (groups * rows * channels == 0) return;
    const Columns columns = share_out(groups, rows, channels, V::size, shares);
    launch(over_columns<V, Body, LeaveChunks<T>>, columns.grid(), column_threads, 0, stream(), columns, body,
           LeaveChunks<T>{});
}

/// Runs a body with sums over all rows of one group, and returns the partial sums.
template <class V, class Body, class T = typename Body::Element>
Partials<T> sum_over_columns(const Body& body, int64_t rows, int64_t channels, Context& context) {
    static_assert(Body::sums > 0);
    if (rows * channels == 0) return {};
    const Columns columns = share_out(1, rows, channels, V::size, sum_shares);
    Partials<T> partials{context.scratch.take<T>(columns.chunks * Body::sums * channels), columns.chunks};
    launch(over_columns<V, Body, LeaveChunks<T>>, columns.grid(), column_threads, 0, stream(), columns, body,
           LeaveChunks<T>{partials.data});
    return partials;
}

/// For finish_channel_sums: gives each sum of a channel to put(sum's number, channel, sum).
template <class T, int sums, class Put>
struct EachSum {
    Put put;

    __device__ __forceinline__ void operator()(int64_t channel, const T (&totals)[sums]) const {
        for (int k = 0; k < sums; ++k) put(k, channel, totals[k]);
        if constexpr (NormsFollow<Put>) put.norms_of(channel);
    }
};

/// Runs a body with sums over all rows of all groups, and put(sum's number, channel, sum) for every sum: all in one launch.
template <class V, class Body, class Put, class T = typename Body::Element>
void sum_over_groups_to(const Body& body, int64_t groups, int64_t rows, int64_t channels, const Put& put,
                        Context& context) {
    static_assert(Body::sums > 0);
    if (groups * rows == 0) {
        return run_finish_sums<Body::sums>(static_cast<const T*>(nullptr), 1, 0, channels,
                                           EachSum<T, Body::sums, Put>{put});
    }
    if (channels == 0) return;
    using Last = LastSums<T, Put>;
    const Columns columns = share_out(groups, rows, channels, V::size, sum_shares);
    launch(over_columns<V, Body, Last>, columns.grid(), column_threads, 0, stream(), columns, body,
           Last(columns.all_chunks(), columns.tiles, Body::sums, channels, put, context));
}
template <class V, class Body, class Put>
void sum_over_columns_to(const Body& body, int64_t rows, int64_t channels, const Put& put, Context& context) {
    sum_over_groups_to<V>(body, 1, rows, channels, put, context);
}

}  // namespace vitrine::VITRINE_GPU

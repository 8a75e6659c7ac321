// The second stage of sums over rows, made by the blocks of the first one: the last that arrives finishes
// (last_block.h). channel_finish.h does the same in a launch of its own.
//
// Where chunks are many they join in groups: the last block of a group leaves the group's part, the last group's
// puts these together. A group has about as many chunks as there are groups, so that no block has to read more than
// twice the root of their number, while others still work.
//
//     chunks    0 1 2 3 │ 4 5 6 7 │ 8 9          each a partial result in scratch memory
//     groups       0    │    1    │  2           joined in the order of the chunks
//     put              all                       joined in the order of the groups
//
// Whoever puts a channel's last sum goes on with the batch norm that follows, if one does (kernels/norms_behind.h).
#pragma once

#include "kernels/cuda/channel_finish.h"
#include "kernels/cuda/last_block.h"
#include "kernels/cuda/normalize_channel.h"

namespace vitrine::VITRINE_GPU {

/// Which of a partial result's channels a block has: blocks of the same tile have the same.
struct ChannelTile {
    int number;
    int64_t first;
    int channels;
};

/// How many chunks there are and how they are grouped. arrivals [tiles, groups + 1].
struct ChunkGroups {
    int chunks = 0;
    int chunks_of_group = 1;
    unsigned* arrivals = nullptr;

    ChunkGroups() = default;
    ChunkGroups(int64_t all_chunks, int64_t tiles) : chunks(static_cast<int>(all_chunks)) {
        constexpr int most_at_once = 16;
        chunks_of_group = chunks;
        if (chunks > most_at_once) {
            chunks_of_group = 1;
            while (chunks_of_group * chunks_of_group < chunks) ++chunks_of_group;
        }
        arrivals = arrival_counters(Arrivals::chunks, tiles * (groups() + 1));
    }

    __host__ __device__ __forceinline__ int groups() const { return divide_up(chunks, chunks_of_group); }
};

/// Called by all threads of a block when they have written the chunk's part: join(parts, count, to) joins `count`
/// parts from `parts` on, to(…) being what becomes of the result.
///     group_join(group, first chunk, chunks)    leaves a group's part
///     last_join()                               puts all groups' together
template <class GroupJoin, class LastJoin>
__device__ __forceinline__ void join_chunks(const ChunkGroups& plan, int chunk, int tile,
                                            const GroupJoin& group_join, const LastJoin& last_join) {
    const int groups = plan.groups();
    unsigned* const arrivals = plan.arrivals + tile * (groups + 1);
    if (groups > 1) {
        const int group = chunk / plan.chunks_of_group;
        const int first = group * plan.chunks_of_group;
        const int count = min(plan.chunks_of_group, plan.chunks - first);
        if (!arrives_last(arrivals + group, count)) return;
        group_join(group, first, count);
    }
    if (arrives_last(arrivals + groups, groups > 1 ? groups : plan.chunks)) last_join();
}

/// How a block's threads share out `items` neighbours, each of many parts: `lanes` side by side, a power of two, and
/// the parts among `slices`.
template <int threads>
struct Slices {
    int lanes = threads;
    int slices;
    int lane;
    int slice;

    __device__ __forceinline__ explicit Slices(int items) {
        while (lanes / 2 >= items) lanes /= 2;
        slices = threads / lanes;
        lane = static_cast<int>(threadIdx.x) % lanes;
        slice = static_cast<int>(threadIdx.x) / lanes;
    }
};

/// Nobody puts the chunks together: a launch behind this one does, or the caller.
template <class T>
struct LeaveChunks {
    static constexpr int shared_values = 0;

    T* partials = nullptr;
};

/// A Put that batch norms follow: put.norms_of<threads>(tile), called by all threads of a block when all sums are put; or
/// put.norms_of(channel) by the thread that has put the channel's.
template <class Put>
concept NormsFollow = requires(const Put& put, const ChannelTile& tile) {
    put.template norms_of<1>(tile);
};

/// Sums. Parts are [rows, channels]; put(row, channel, total) for each of their values.
template <class T, class Put>
struct LastSums {
    static constexpr int shared_values = 1;  // of each thread

    T* partials = nullptr;  // [chunks, rows, channels]; null: nobody wants sums
    T* groups = nullptr;    // [groups, rows, channels]; null: nobody puts the chunks together
    int rows = 0;
    int64_t channels = 0;
    ChunkGroups plan;
    Put put{};

    LastSums() = default;
    /// Chunks of several launches, into memory of the caller, who finishes them.
    LastSums(T* partials_only, int rows_of_part, int64_t channels_of_row)
        : partials(partials_only), rows(rows_of_part), channels(channels_of_row) {}
    LastSums(int64_t chunks, int64_t tiles, int rows_of_part, int64_t channels_of_row, const Put& put_sum,
             Context& context)
        : rows(rows_of_part), channels(channels_of_row), plan(chunks, tiles), put(put_sum) {
        partials = context.scratch.take<T>(chunks * rows * channels);
        groups = context.scratch.take<T>(plan.groups() * rows * channels);
    }

    /// shared: memory of the block for shared_values · threads, which nobody uses any more once all have come here.
    template <int threads>
    __device__ __forceinline__ void finish(int chunk, const ChannelTile& tile, T* shared) const {
        if (groups == nullptr) return;
        const int64_t part = rows * channels;
        join_chunks(
            plan, chunk, tile.number,
            [&](int group, int first, int count) {
                T* const to = groups + group * part;
                join<threads>(partials + first * part, count, tile, shared,
                              [&](int row, int64_t channel, T sum) { to[row * channels + channel] = sum; });
            },
            [&] {
                const bool grouped = plan.groups() > 1;
                join<threads>(grouped ? groups : partials, grouped ? plan.groups() : plan.chunks, tile,
                              shared, put);
                if constexpr (NormsFollow<Put>) {
                    __syncthreads();
                    put.template norms_of<threads>(tile);
                }
            });
    }

  private:
    template <int threads, class To>
    __device__ __forceinline__ void join(const T* parts, int count, const ChannelTile& tile, T* shared,
                                         const To& to) const {
        const int items = rows * tile.channels;
        const Slices<threads> share(items);
        const int me = static_cast<int>(threadIdx.x);
        for (int first = 0; first < items; first += share.lanes) {
            const int item = first + share.lane;
            const int row = item / tile.channels;
            const int64_t channel = tile.first + (item - row * tile.channels);
            T total = T(0);
            if (item < items) {
                const T* const mine = parts + row * channels + channel;
                for (int part = share.slice; part < count; part += share.slices) {
                    total += mine[part * rows * channels];
                }
            }
            for (int half = share.slices / 2; half > 0; half /= 2) {
                if (share.slice >= half && share.slice < 2 * half) shared[me] = total;
                __syncthreads();
                if (share.slice < half) total += shared[me + half * share.lanes];
            }
            if (share.slice == 0 && item < items) to(row, channel, total);
        }
    }
};

/// A Put: the only sum of a channel, as a gradient.
template <class T>
struct PutSum {
    GradientWriter<T> gradient;

    __device__ __forceinline__ void operator()(int, int64_t channel, T sum) const { gradient(channel, sum); }
};

/// Means and centred squares, by Chan's formula. Parts are [3, channels]: count, mean, m2.
template <class T>
struct LastMoments {
    static constexpr int shared_values = 3;

    T* partials = nullptr;  // [chunks, 3, channels]; null: nobody wants moments
    T* groups = nullptr;    // [groups, 3, channels]
    int64_t channels = 0;
    ChunkGroups plan;
    T* mean = nullptr;
    T* m2 = nullptr;
    NormOfMoments<T> norm;

    LastMoments() = default;
    LastMoments(int64_t chunks, int64_t tiles, int64_t channels_of_row, const Epilogue& epilogue,
                Context& context)
        : channels(channels_of_row),
          plan(chunks, tiles),
          mean(static_cast<T*>(epilogue.mean)),
          m2(static_cast<T*>(epilogue.m2)),
          norm(context.norms.take_forward(epilogue.mean)) {
        partials = context.scratch.take<T>(chunks * 3 * channels);
        groups = context.scratch.take<T>(plan.groups() * 3 * channels);
    }

    /// shared: memory of the block for shared_values · threads, which nobody uses any more once all have come here.
    template <int threads>
    __device__ __forceinline__ void finish(int chunk, const ChannelTile& tile, T* shared) const {
        const int64_t part = 3 * channels;
        join_chunks(
            plan, chunk, tile.number,
            [&](int group, int first, int count) {
                T* const to = groups + group * part;
                join<threads>(partials + first * part, count, tile, shared,
                              [&](int64_t channel, const Moments<T>& all) {
                                  to[channel] = all.count;
                                  to[channels + channel] = all.mean;
                                  to[2 * channels + channel] = all.m2;
                              });
            },
            [&] {
                const bool grouped = plan.groups() > 1;
                join<threads>(grouped ? groups : partials, grouped ? plan.groups() : plan.chunks, tile,
                              shared, [&](int64_t channel, const Moments<T>& all) {
                                  mean[channel] = all.mean;
                                  m2[channel] = all.m2;
                                  if (norm) norm(channel, all.mean, all.m2);
                              });
            });
    }

  private:
    /// Means are merged as distances to the first part's: where they are large against their spread, no digits get
    /// lost.
    template <int threads, class To>
    __device__ __forceinline__ void join(const T* parts, int count, const ChannelTile& tile, T* shared,
                                         const To& to) const {
        const Slices<threads> share(tile.channels);
        const int me = static_cast<int>(threadIdx.x);
        T* const counts = shared;
        T* const means = shared + threads;
        T* const m2s = shared + 2 * threads;
        for (int first = 0; first < tile.channels; first += share.lanes) {
            const bool inside = first + share.lane < tile.channels;
            const int64_t channel = tile.first + first + share.lane;
            Moments<T> total;
            T origin = T(0);
            if (inside) {
                if (parts[channel] > T(0)) origin = parts[channels + channel];
                for (int part = share.slice; part < count; part += share.slices) {
                    const T* const mine = parts + part * 3 * channels + channel;
                    total.merge(mine[0], mine[channels] - origin, mine[2 * channels]);
                }
            }
            for (int half = share.slices / 2; half > 0; half /= 2) {
                if (share.slice >= half && share.slice < 2 * half) {
                    counts[me] = total.count;
                    means[me] = total.mean;
                    m2s[me] = total.m2;
                }
                __syncthreads();
                if (share.slice < half) {
                    const int partner = me + half * share.lanes;
                    total.merge(counts[partner], means[partner], m2s[partner]);
                }
            }
            total.mean = origin + total.mean;
            if (share.slice == 0 && inside) to(channel, total);
        }
    }
};

}  // namespace vitrine::VITRINE_GPU

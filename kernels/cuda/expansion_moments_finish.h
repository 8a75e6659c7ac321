// The end of an expansion's moments, forward: the chunks' sums put together, and what follows from all of them.
#pragma once

#include "kernels/cuda/block_reduce.h"
#include "kernels/cuda/channel_last.h"
#include "kernels/cuda/expansion_moments.h"

namespace vitrine::VITRINE_GPU {

constexpr int finish_threads_of_block = 512;

/// Where the sums of the chunks are put together, in f64 and in their order.
template <class A>
struct MomentParts {
    A* chunks;       // [chunks, numbers]
    double* groups;  // [groups, numbers]
    double* totals;  // [numbers]
    int64_t numbers;

    MomentParts(const ChunkGroups& plan, int64_t numbers_of_part, Context& context)
        : chunks(context.scratch.take<A>(plan.chunks * numbers_of_part)),
          groups(context.scratch.take<double>(plan.groups() * numbers_of_part)),
          totals(context.scratch.take<double>(numbers_of_part)),
          numbers(numbers_of_part) {}

    /// Called by all threads of a block when they have written `count` numbers of its chunk's part, from `first` on; the blocks
    /// of a slice have the same ones.
    __device__ __forceinline__ void join(const ChunkGroups& plan, int chunk, int slice, int first,
                                         int count) const {
        const A* const parts = chunks + first;
        double* const of_groups = groups + first;
        join_chunks(
            plan, chunk, slice,
            [&](int group, int first_chunk, int chunks_of_group) {
                add_up(parts + first_chunk * numbers, chunks_of_group, count, of_groups + group * numbers);
            },
            [&] {
                if (plan.groups() > 1) return add_up(of_groups, plan.groups(), count, totals + first);
                add_up(parts, plan.chunks, count, totals + first);
            });
    }

  private:
    template <class From>
    __device__ __forceinline__ void add_up(const From* from, int parts, int count, double* to) const {
        for (int i = static_cast<int>(threadIdx.x); i < count; i += static_cast<int>(blockDim.x)) {
            double sum = 0;
            for (int part = 0; part < parts; ++part) sum += static_cast<double>(from[part * numbers + i]);
            to[i] = sum;
        }
    }
};

/// μ and S, by the first block, and from them mean_o = w_o · μ and m2_o = w_oᵀ S w_o, a warp for each o, and the batch norm that
/// follows. Of `sums` are mean(j) = μ_j and scatter(j, k) = S_jk, where j is not the larger one.
template <class T, class Sums>
__global__ void __launch_bounds__(finish_threads_of_block)
    moments_of_sums(ExpansionMomentsForward args, Sums sums, NormOfMoments<Accumulate<T>> norm) {
    using A = Accumulate<T>;
    VITRINE_DYNAMIC_SHARED(double, scatter);  // [narrow, narrow]
    const int narrow = static_cast<int>(args.narrow), me = static_cast<int>(threadIdx.x);
    double* const mean = scatter + narrow * narrow;  // [narrow]
    for (int i = me; i < narrow * narrow; i += finish_threads_of_block) {
        const int j = i / narrow, k = i - j * narrow;
        scatter[i] = sums.scatter(min(j, k), max(j, k));
        if (blockIdx.x == 0) static_cast<A*>(args.scatter)[i] = static_cast<A>(scatter[i]);
    }
    if (me < narrow) {
        mean[me] = sums.mean(me);
        if (blockIdx.x == 0) static_cast<A*>(args.centre)[me] = static_cast<A>(mean[me]);
    }
    __syncthreads();
    const int64_t o = thread_index() / 32;
    if (o >= args.channels) return;
    const T* w_o = static_cast<const T*>(args.expansion) + o * narrow;
    double mean_of_lane = 0, m2_of_lane = 0;
    for (int j = me % 32; j < narrow; j += 32) {
        double along = 0;  // (S w_o)_j
        for (int k = 0; k < narrow; ++k)
            along += scatter[k * narrow + j] * static_cast<double>(load_value(w_o + k));
        const double w = static_cast<double>(load_value(w_o + j));
        mean_of_lane += w * mean[j];
        m2_of_lane += w * along;
    }
    const double all = reduce_lanes<32>(mean_of_lane, Add()), squares = reduce_lanes<32>(m2_of_lane, Add());
    if (me % 32 != 0) return;
    const A mean_o = static_cast<A>(all);
    // Of a channel that does not spread a little less than nothing may be left.
    const A m2_o = static_cast<A>(squares < 0 ? 0.0 : squares);
    static_cast<A*>(args.mean)[o] = mean_o;
    static_cast<A*>(args.m2)[o] = m2_o;
    if (norm) norm(o, mean_o, m2_o);
}

template <class T, class Sums>
void finish_moments(const ExpansionMomentsForward& args, const Sums& sums, Context& context) {
    launch(moments_of_sums<T, Sums>, blocks_for(args.channels * 32, finish_threads_of_block),
           finish_threads_of_block,
           sizeof(double) * static_cast<size_t>(args.narrow * args.narrow + args.narrow), stream(), args,
           sums, NormOfMoments<Accumulate<T>>(context.norms.take_forward(args.mean)));
}

}  // namespace vitrine::VITRINE_GPU

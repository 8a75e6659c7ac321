// What a tile of the expanded convolution's backward pass (expanded_backward.cu) adds to the expansion's gradient, d_eᵀ · a, by tensor
// cores. d_e lies there in two terms (expanded_gradients.h).
#pragma once

#include "kernels/cuda/expanded_conv.h"
#include "kernels/cuda/expanded_gradients.h"
#include "kernels/cuda/expanded_windows.h"
#include "kernels/cuda/gemm_split.h"

namespace vitrine::VITRINE_GPU {

/// A chunk's part of sums: the first tile writes, the others add.
__device__ __forceinline__ void add_to_part(float* part, bool first_tile, ChannelPair sums) {
    if (!first_tile) add_pair(sums, load_lanes<2>(part));
    store_lanes(part, sums);
}

/// Narrow: a's tile.
template <class Half, class Input, class Narrow>
struct ExpansionGradient {
    using M = Mma<Half, half_mma_depth>;
    using Wide = WideGradients<Half>;

    int channels;
    int narrow;
    float* part;  // [channels, narrow]

    /// Of 32 channels from `first_channel` on. A warp has 16 narrow channels, and of the others 8 a product, so many that all warps
    /// have a part.
    __device__ __forceinline__ void add(float* a, float* d_e, int first_channel, bool first_tile) const {
        constexpr int warps_beside = expanded_channels / (products * Wide::depth_channels);
        static_assert(warps_beside * Narrow::most == expanded_warps * narrow_of_warp);
        const int warp = static_cast<int>(threadIdx.x) / 32;
        const int local = warp % warps_beside * products * Wide::depth_channels,
                  first_narrow = warp / warps_beside * narrow_of_warp;
        if (first_narrow >= narrow) return;
        FragmentC sums[products][2] = {};  // [products, tiles of narrow channels]
        for (int pixel = 0; pixel < Input::pixels; pixel += M::k) {
            FragmentB<M> of_a[2];
            Narrow::Panel::load_turned_b(a, pixel, first_narrow, of_a);
            VITRINE_UNROLL
            for (int product = 0; product < products; ++product) {
                FragmentA<M> of_d_e;
                Wide::load_turned_a(d_e, pixel, local + product * Wide::depth_channels, of_d_e.words);
                VITRINE_UNROLL
                for (int j = 0; j < 2; ++j) multiply_matrices(sums[product][j], of_d_e, of_a[j]);
            }
        }
        put(first_channel + local, first_narrow, first_tile, sums);
    }

  private:
    static constexpr int products = Narrow::most / half_mma_depth;
    static constexpr int narrow_of_warp = 2 * M::columns;

    /// A channel's two terms are in lanes whose groups differ in a bit. Each adds up a half of what both have and leaves the other
    /// half to the other: of two products one each, of one product a tile of narrow channels each.
    __device__ __forceinline__ void put(int channel, int first_narrow, bool first_tile,
                                        const FragmentC (&sums)[products][2]) const {
        const FragmentPlace place;
        const bool second = (place.group & 2) != 0;
        const int mine = channel + (second && products == 2 ? Wide::depth_channels : 0) +
                         place.group / 4 * 2 + place.group % 2;
        VITRINE_UNROLL
        for (int j = 0; j < products; ++j) {
            float all[4];
            VITRINE_UNROLL
            for (int i = 0; i < 4; ++i) {
                const float first = sums[0][j].values[i],
                            other = products == 2 ? sums[1 % products][j].values[i] : sums[0][1].values[i];
                const float theirs = __shfl_xor_sync(0xFFFFFFFFu, second ? first : other, 2 * 4);
                all[i] = (second ? other : first) + theirs;
            }
            const int tile = products == 2 ? j : second ? 1 : 0;
            const int column = first_narrow + tile * M::columns + place.c_column(0);
            VITRINE_UNROLL
            for (int lower = 0; lower < 2; ++lower) {
                const int row = mine + lower * 4;  // the lower half of the fragment has the other 4 channels
                if (row >= channels || column >= narrow) continue;
                add_to_part(part + row * narrow + column, first_tile,
                            ChannelPair{{all[2 * lower], all[2 * lower + 1]}});
            }
        }
    }
};

/// The expansion's gradient, out of the chunks' parts [chunks, channels, narrow].
inline void put_expansion_gradient(const ExpandedConvBackward& args, const float* parts, int64_t chunks,
                                   int64_t narrow) {
    const int64_t channels = args.shape.in_channels;
    if (args.windows.there())
        return run_sum_splits(parts, chunks, channels, narrow, narrow, true,
                              PutWindowGradient{GradientWriter<float>(args.d_expansion)});
    run_sum_splits(parts, chunks, channels, narrow, narrow, packs_fit<float>(narrow, args.d_expansion.data),
                   PutGradient<float>{ValuesWriter<float>(args.d_expansion), static_cast<int>(narrow)});
}

}  // namespace vitrine::VITRINE_GPU

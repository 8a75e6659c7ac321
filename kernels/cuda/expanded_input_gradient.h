// The end of the expanded convolution's backward pass (expanded_backward.cu): from d_a of a tile, which lies in the registers of the
// mma, through the narrow channels' prologue to d_x, and the sums for its d_scale and d_shift.
//
// A lane has pairs of channels of four pixels as the mma leaves them. To exchange them for packs of 16 bytes would take more
// than smaller requests do, which fill sectors just as well: 4 lanes beside one another have 8 channels.
#pragma once

#include "kernels/cuda/expanded_tiles.h"

namespace vitrine::VITRINE_GPU {

/// Of the narrow channels, `most` of them, Σ d_u · x, then Σ d_u: of each warp of a block, in shared memory.
template <int most>
struct NarrowSums {
    static constexpr int rows = 2;
    static constexpr int count = expanded_warps * rows * most;
};

template <class Half, class Input, int most>
class ExpandedInputGradient {
  public:
    static constexpr int products_of_warp = (Input::products + expanded_warps - 1) / expanded_warps;
    static constexpr int tiles = most / 8;  // mma beside one another
    using BlockSums = NarrowSums<most>;
    using Source = PrologueSource<Pack<Half>, Half>;

    __device__ __forceinline__ ExpandedInputGradient(int narrow, float* sums)
        : narrow_(narrow), sums_(sums) {}

    /// A barrier must follow.
    __device__ __forceinline__ void begin() const {
        static_assert(BlockSums::count == kept * expanded_threads);
        store_lanes(sums_ + kept * static_cast<int>(threadIdx.x), Lanes<float, kept>{});
    }

    /// d_x of a tile, and its sums.
    template <class T>
    __device__ __forceinline__ void put(const Source& source, const Input& input,
                                        const FragmentC (&d_a)[products_of_warp][tiles],
                                        const LanesWriter<T>& d_x) const {
        ChannelPair scale[tiles], shift[tiles];
        VITRINE_UNROLL
        for (int j = 0; j < tiles; ++j) {
            const bool there = source.scale != nullptr && first_channel() + j * 8 < narrow_;
            const int at = first_channel() + j * 8;
            scale[j] = there ? load_lanes<2>(source.scale + at) : all_lanes<float, 2>(1.0F);
            shift[j] = there ? load_lanes<2>(source.shift + at) : all_lanes<float, 2>(0.0F);
        }
        Sums sums;
        VITRINE_UNROLL
        for (int i = 0; i < products_of_warp; ++i) {
            int64_t index[2];
            bool inside[2];
            Stored<Half, 2> x[2][tiles];
            VITRINE_UNROLL
            for (int lower = 0; lower < 2; ++lower) {
                const int pixel = input((warp() + i * expanded_warps) * 16 + group() + lower * 8);
                inside[lower] = pixel >= 0;
                index[lower] = int64_t{max(pixel, 0)} * narrow_ + first_channel();
                VITRINE_UNROLL
                for (int j = 0; j < tiles; ++j) {
                    x[lower][j] = {};
                    if (j * 8 < narrow_) x[lower][j] = load_stored<2>(source.x + index[lower] + j * 8);
                }
            }
            VITRINE_UNROLL
            for (int lower = 0; lower < 2; ++lower) {
                T* const to = d_x.data() + index[lower];
                VITRINE_UNROLL
                for (int j = 0; j < tiles; ++j) {
                    const float* const two = d_a[i][j].values + 2 * lower;
                    ChannelPair gradient =
                        through_prologue(source, widened(x[lower][j]), scale[j], shift[j], {{two[0], two[1]}},
                                         inside[lower], sums.value + 2 * j);
                    const bool wanted = d_x && inside[lower] && j * 8 < narrow_;
                    if (wanted && d_x.accumulates()) add_pair(gradient, load_lanes<2>(to + j * 8));
                    if (wanted) store_lanes(to + j * 8, gradient);
                }
            }
        }
        keep(sums);
    }

    /// Of all warps. A barrier must be between.
    __device__ __forceinline__ float sum(int row, int channel) const {
        float sum = 0;
        for (int warp = 0; warp < expanded_warps; ++warp)
            sum += sums_[(warp * BlockSums::rows + row) * most + channel];
        return sum;
    }

  private:
    static constexpr int values = tiles * 2;     // of a lane
    static constexpr int kept = 2 * values / 8;  // sums, by a lane in the end
    /// Of the lane's channels Σ d_u · x, then Σ d_u.
    struct Sums {
        float value[2 * values] = {};
    };

    /// d_u = d_a · activation'(u), of which scale · d_u is d_x, and what it adds to the sums of its channels.
    static __device__ __forceinline__ ChannelPair through_prologue(const Source& source, const ChannelPair& x,
                                                                   const ChannelPair& scale,
                                                                   const ChannelPair& shift,
                                                                   const ChannelPair& d_a, bool inside,
                                                                   float* sums) {
        ChannelPair d_x;
        VITRINE_UNROLL
        for (int k = 0; k < 2; ++k) {
            const float u = multiply_add(scale[k], x[k], shift[k]);
            const float d_u = source.clamp.inside(u, inside) ? d_a[k] : 0.0F;
            sums[k] = multiply_add(d_u, x[k], sums[k]);
            sums[values + k] += d_u;
            d_x[k] = scale[k] * d_u;
        }
        return d_x;
    }

    /// Adds the sums over the 8 lanes that have the same channels to those of the tiles before, of which each of the lanes has
    /// `kept` in its care.
    __device__ __forceinline__ void keep(Sums& sums) const {
        keep_half<values, 4>(sums);
        keep_half<values / 2, 2>(sums);
        keep_half<values / 4, 1>(sums);
        float* const to = sums_ + place();
        Lanes<float, kept> all = load_lanes<kept>(to);
        VITRINE_UNROLL
        for (int k = 0; k < kept; ++k) all[k] += sums.value[k];
        store_lanes(to, all);
    }
    /// Of 2 · half sums a lane keeps one half, which the lane with another `bit` of its group's number adds to; the other it gives
    /// to that.
    template <int half, int bit>
    __device__ __forceinline__ void keep_half(Sums& sums) const {
        const bool upper = (group() & bit) != 0;
        VITRINE_UNROLL
        for (int j = 0; j < half; ++j) {
            const float low = sums.value[j], high = sums.value[half + j];
            const float theirs = __shfl_xor_sync(0xFFFFFFFFu, upper ? low : high, bit * 4);
            sums.value[j] = (upper ? high : low) + theirs;
        }
    }
    /// Of the first sum that the lane keeps: its group's bits chose the row, then the tile, and where a tile's pair was left the
    /// channel.
    __device__ __forceinline__ int place() const {
        static_assert(kept == 2 || kept == 1);
        const int row = warp() * BlockSums::rows + group() / 4;
        const int channel = kept == 2 ? group() % 4 * 8 : group() / 2 % 2 * 8 + group() % 2;
        return row * most + channel + first_channel();
    }

    // Found anew where they are needed, once a tile: registers are what a block has least of.
    static __device__ __forceinline__ int warp() { return static_cast<int>(threadIdx.x / 32); }
    static __device__ __forceinline__ int group() { return static_cast<int>(threadIdx.x % 32 / 4); }
    static __device__ __forceinline__ int first_channel() { return static_cast<int>(threadIdx.x % 4 * 2); }

    const int narrow_;
    float* const sums_;
};

}  // namespace vitrine::VITRINE_GPU

// The moments of an expansion, backward, 16-bit values, by tensor cores: the second launch of
// expansion_moments_tiled_backward.cu, for 32 channels at most.
//
// A warp takes 16 pixels through the product
//
//     d_a − level [16 pixels, narrow]  =  (a − μ) [16 pixels, narrow] · slope [narrow, narrow]
//
// A lane loads 4 neighbouring channels of two pixels. Along k as across the columns channel 4 · m + 2 · j + i of 16 stands at
// 8 · j + 2 · m + i, so that what lane m has loaded is what A's fragment wants of it, and what it is given of the product are
// the same channels: nothing is exchanged, and no pixel comes through shared memory.
//
// a − μ goes in as the sum of two values of 16 bits (gemm_half_tensor.h says why): d_scale and d_shift are small differences of
// all pixels' shares. slope is rounded once. So that it, as small as gradients are, has f16's whole range, it is
// divided by the power of two that is its largest number's.
//
// Bytes: as there. FLOPs: 4 · pixels · narrow² on tensor cores. Bank conflicts: none (half_panels.h).
#pragma once

#include "kernels/cuda/block_reduce.h"
#include "kernels/cuda/expansion_moments_gradient.h"
#include "kernels/cuda/half_panels.h"

namespace vitrine::VITRINE_GPU {

/// What a block of tensor cores takes at once, of so many groups of 16 channels.
template <int groups_of_channels>
struct HalfMomentTile {
    static constexpr int groups = groups_of_channels;
    static constexpr int channels = 16 * groups;
    static constexpr int products = 2 / groups;  // of a warp, 16 pixels each
    static constexpr int warps = moment_gradient_threads / 32;
    static constexpr int pixels = warps * products * 16;
};

/// slope in shared memory, its lines and their numbers in the order of the fragments, divided by `unit`.
template <class Half, int channels>
struct SlopePanel {
    using Panel = HalfPanels<Half, channels, panel_columns>;
    static constexpr int count = Panel::count;  // in floats

    static __device__ __forceinline__ int place_of(int channel) {
        return channel / 16 * 16 + channel / 2 % 2 * 8 + channel / 4 % 4 * 2 + channel % 2;
    }

    /// Returns the unit. A barrier must follow.
    static __device__ __forceinline__ float store(const float* slope, int narrow, float* shared) {
        float largest = 0;
        for (int i = static_cast<int>(threadIdx.x); i < narrow * narrow; i += moment_gradient_threads)
            largest = Larger()(largest, fabsf(slope[i]));
        const float unit = power_below(reduce_block<moment_gradient_threads>(largest, Larger()));
        const float share = 1 / unit;
        constexpr int pairs = channels / 2;
        for (int i = static_cast<int>(threadIdx.x); i < channels * pairs; i += moment_gradient_threads) {
            const int row = i / pairs, column = i % pairs * 2;
            const bool there = row < narrow && column < narrow;
            const float* const two = slope + row * narrow + column;
            const int place = place_of(column);
            *reinterpret_cast<unsigned*>(Panel::at(shared, place_of(row), place) + place % Pack<Half>::size) =
                there ? word_of<Half>(two[0] * share, two[1] * share) : 0;
        }
        return unit;
    }

  private:
    /// The largest power of two that is not more; 1 of zero, of what is less than a normal number, and of what is not finite.
    static __device__ __forceinline__ float power_below(float value) {
        constexpr unsigned exponent_bits = 0x7F800000u;
        const unsigned exponent = __float_as_uint(value) & exponent_bits;
        return exponent == 0 || exponent == exponent_bits ? 1.0F : __uint_as_float(exponent);
    }
};

/// linear: x's prologue has no activation, as MobileNetV2's, and what an activation takes is spared.
template <class Half, class Tile, bool linear>
class HalfMomentsGradientThread {
    using V = MomentPack<Half>;
    using M = Mma<Half, half_mma_depth>;
    using Slope = SlopePanel<Half, Tile::channels>;
    static constexpr int groups = Tile::groups;
    static constexpr int products = Tile::products;
    static constexpr int rows = 2;  // of a product that a lane has a part of

  public:
    /// Of memory, in floats: slope, then the warps' sums.
    static constexpr int sums_count = 2 * Tile::channels * Tile::warps;
    static constexpr int memory_count = std::max(Slope::count, sums_count);

    __device__ __forceinline__ HalfMomentsGradientThread(const MomentsGradient<Half>& task, float* memory)
        : task_(task), memory_(memory), chunk_(static_cast<int>(blockIdx.x)) {
        first_pixel_ = chunk_ * task.chunk_pixels;
        end_pixel_ = first_pixel_ + min(task.chunk_pixels, task.pixels - first_pixel_);
        VITRINE_UNROLL
        for (int group = 0; group < groups; ++group) {
            if (!has(group)) continue;
            prologue_[group] = task.x.channel(channel(group));
            centre_[group] = load_pack(task.centre + channel(group));
            level_[group] = load_pack(task.slope + task.narrow * task.narrow + channel(group));
        }
    }

    __device__ __forceinline__ void run() {
        unit_ = Slope::store(task_.slope, task_.narrow, memory_);
        __syncthreads();
        for (int tile = first_pixel_; tile < end_pixel_; tile += Tile::pixels) add_tile(tile);
        if (task_.sums.partials != nullptr) leave_sums();
    }

  private:
    using Raw = StoredValues<V, Half>;
    using Sums = FragmentC[2 * groups];

    __device__ __forceinline__ int channel(int group) const { return group * 16 + place_.member * V::size; }
    __device__ __forceinline__ bool has(int group) const { return channel(group) < task_.narrow; }
    /// Of the lane's row of a product.
    __device__ __forceinline__ int pixel(int tile, int product, int row) const {
        return tile + (warp_ * products + product) * 16 + place_.c_row(2 * row);
    }

    __device__ __forceinline__ void add_tile(int tile) {
        Raw x[products][rows][groups];
        of_each(tile, [&](int product, int row, int group, int from, int index) {
            x[product][row][group] = {};
            if (has(group) && from < end_pixel_) x[product][row][group] = task_.x.fetch(index);
        });
        Sums sums[products] = {};
        multiply(x, sums);
        // All are on their way before the first is stored: the compiler may not load ahead of a store.
        const bool continues = task_.d_x && task_.d_x_so_far != nullptr;
        V d_x[products][rows][groups];
        of_each(tile, [&](int product, int row, int group, int from, int index) {
            V& so_far = d_x[product][row][group];
            so_far = all_values<V>(0.0F);
            if (continues && has(group) && from < end_pixel_) so_far = load_pack(task_.d_x_so_far + index);
        });
        of_each(tile, [&](int product, int row, int group, int to, int index) {
            put(group, to, index, x[product][row][group], sums[product], row, d_x[product][row][group]);
        });
    }
    /// what(product, row, group, pixel, index of the lane's channels) of all that the lane has of a tile.
    template <class What>
    __device__ __forceinline__ void of_each(int tile, What&& what) const {
        VITRINE_UNROLL
        for (int product = 0; product < products; ++product) {
            VITRINE_UNROLL
            for (int row = 0; row < rows; ++row) {
                const int at = pixel(tile, product, row);
                VITRINE_UNROLL
                for (int group = 0; group < groups; ++group)
                    what(product, row, group, at, at * task_.narrow + channel(group));
            }
        }
    }

    __device__ __forceinline__ void multiply(const Raw (&x)[products][rows][groups],
                                             Sums (&sums)[products]) const {
        VITRINE_UNROLL
        for (int depth = 0; depth < groups; ++depth) {
            FragmentA<M> rounded[products], rest[products];
            VITRINE_UNROLL
            for (int product = 0; product < products; ++product) {
                VITRINE_UNROLL
                for (int row = 0; row < rows; ++row)
                    make_fragments(depth, row, x[product][row][depth], rounded[product], rest[product]);
            }
            VITRINE_UNROLL
            for (int group = 0; group < groups; ++group) {
                unsigned slope[4];
                Slope::Panel::Lines::load_two_b(memory_, group * 16, depth * 16, slope);
                VITRINE_UNROLL
                for (int half = 0; half < 2; ++half) {
                    const FragmentB<M> b{{slope[2 * half], slope[2 * half + 1]}};
                    VITRINE_UNROLL
                    for (int product = 0; product < products; ++product) {
                        FragmentC& sum = sums[product][2 * group + half];
                        multiply_matrices(sum, rounded[product], b);
                        multiply_matrices(sum, rest[product], b);
                    }
                }
            }
        }
    }

    /// a − μ of 4 channels, in both terms.
    __device__ __forceinline__ void make_fragments(int group, int row, const Raw& x, FragmentA<M>& rounded,
                                                   FragmentA<M>& rest) const {
        V a = linear ? task_.x.before_clamp(prologue_[group], x) : task_.x.finish(prologue_[group], x);
        VITRINE_UNROLL
        for (int c = 0; c < V::size; ++c) a[c] -= centre_[group][c];
        VITRINE_UNROLL
        for (int half = 0; half < 2; ++half) {
            const float first = a[2 * half], second = a[2 * half + 1];
            const unsigned word = word_of<Half>(first, second);
            float of_first, of_second;
            take_word<Half>(word, of_first, of_second);
            rounded.words[2 * half + row] = word;
            rest.words[2 * half + row] = word_of<Half>(first - of_first, second - of_second);
        }
    }

    __device__ __forceinline__ void put(int group, int pixel, int index, const Raw& x, const Sums& sums,
                                        int row, const V& d_x) {
        const bool here = has(group) && pixel < end_pixel_;
        V d_a;
        VITRINE_UNROLL
        for (int c = 0; c < V::size; ++c)
            d_a[c] = multiply_add(unit_, sums[2 * group + c / 2].values[2 * row + c % 2], level_[group][c]);
        gradient_[group].template put<linear>(task_, prologue_[group].scale,
                                              task_.x.before_clamp(prologue_[group], x),
                                              widen_values<V, Half>(x), d_a, here, index, d_x);
    }

    /// The block's part of d_scale and d_shift, and all parts together where the block is the last.
    __device__ __forceinline__ void leave_sums() {
        __syncthreads();
        VITRINE_UNROLL
        for (int group = 0; group < groups; ++group) {
            const V scale = over_rows(gradient_[group].scale_sums);
            const V shift = over_rows(gradient_[group].shift_sums);
            if (place_.group != 0) continue;
            float* const to = memory_ + warp_ * 2 * Tile::channels + channel(group);
            store_pack(to, scale);
            store_pack(to + Tile::channels, shift);
        }
        __syncthreads();
        const int me = static_cast<int>(threadIdx.x), narrow = task_.narrow;
        if (me < 2 * narrow) {
            const float* const from = memory_ + (me < narrow ? me : Tile::channels + me - narrow);
            float sum = 0;
            for (int warp = 0; warp < Tile::warps; ++warp) sum += from[warp * 2 * Tile::channels];
            task_.sums.partials[int64_t{chunk_} * 2 * narrow + me] = sum;
        }
        task_.sums.template finish<moment_gradient_threads>(chunk_, {0, 0, narrow}, memory_);
    }
    /// Over the 8 lanes that have the same channels.
    static __device__ __forceinline__ V over_rows(V sums) {
        VITRINE_UNROLL
        for (int c = 0; c < V::size; ++c) {
            VITRINE_UNROLL
            for (int distance = 16; distance >= 4; distance /= 2)
                sums[c] += __shfl_xor_sync(0xFFFFFFFFu, sums[c], distance);
        }
        return sums;
    }

    const MomentsGradient<Half>& task_;
    float* const memory_;
    const FragmentPlace place_;
    const int warp_ = static_cast<int>(threadIdx.x) / 32;
    const int chunk_;
    int first_pixel_;
    int end_pixel_;
    float unit_ = 1;
    typename PrologueSource<V, Half>::Channel prologue_[groups] = {};
    V centre_[groups] = {};
    V level_[groups] = {};
    NarrowGradient<Half> gradient_[groups];
};

}  // namespace vitrine::VITRINE_GPU

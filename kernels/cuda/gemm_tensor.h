// The block tile of tensor cores, for f32: a product of floats by three products of tf32.
//
// A float is the sum of two tf32, up to 2⁻²² of it: big, its first 11 bits, and small, the 13 that are left, rounded to
// 11. Of the four products of (big + small) · (big + small) the one of the two small ones is below what a float holds, so
//
//     a · b ≈ small · big + big · small + big · big
//
// with the error of a float's multiplication or so. A mma adds its 8 products exactly enough, but cuts the
// sum towards zero: over a long k these cuts add up. So each step's three mma begin at zero, and their sum joins the
// float in a register by an addition that rounds.
//
//     ┌──────────── 64 columns ───────────┐      4 warps, each with 64 × 32 of C: 4 × 4 tiles of 16 × 8. For 8 k a warp
//     │ warp 0          │ warp 1          │      loads 4 fragments of A and 4 of B (24 words a lane), splits each into
//  128│ 64 × 32         │ 64 × 32         │      two and makes 48 mma.
// rows├─────────────────┼─────────────────┤
//     │ warp 2          │ warp 3          │      Two stages are under way, as in gemm.h.
//     └─────────────────┴─────────────────┘
//
// FLOPs: 3 times those of the product. By NVIDIA's tables an A100 makes 156 TFLOP/s of tf32, so 52 of a product of floats,
// against 19.5 by multiply-adds; an H100 495, so 165 against 67 (by wgmma: mma.sync reaches less); an RTX 3090 and an RTX
// 4090 make as many of tf32 as of f32, so a third. To this comes the splitting, 5 instructions a word of a fragment: 120 for
// 48 mma. The main loop has some 390 instructions, 48 of them HMMA (nvdisasm, 8.0 and 9.0), for what would be 512
// multiply-adds. It should win on an A100, may win on an H100 where a product is bound by arithmetic, and loses elsewhere.
// None of it has been timed: products take this tile where they are told to, and not by themselves.
//
// Bank conflicts: none. Operands that come along k lie line by line, 8 k each, and go to registers by ldmatrix, 8 lines of
// 16 bytes at a time: the place of a pack within its line is exchanged by the line's number, so that neither these 8 nor the
// 8 that are stored together share a bank. Operands that come across k lie k by k, 8 words further each: the 4 k and 8
// lines of a fragment's words are in 32 banks.
#pragma once

#include "kernels/cuda/gemm_tiles.h"
#include "kernels/cuda/tensor_core.h"

namespace vitrine::VITRINE_GPU {

/// An operand in shared memory line by line: [lines, gemm_depth], without padding.
template <int lines>
struct LineByLine {
    static constexpr int pack = Pack<float>::size;
    static constexpr int packs = gemm_depth / pack;  // of a line
    static constexpr int count = lines * gemm_depth;
    static constexpr int lines_of_banks = 32 / gemm_depth;  // lines that lie side by side in all banks

    /// Where the pack of `line` begins that has k.
    static __device__ __forceinline__ int place_of(int line, int k) {
        return line * gemm_depth + ((k / pack) ^ (line / lines_of_banks % packs)) * pack;
    }
    static __device__ __forceinline__ void store(float* shared, int line, int k, const Pack<float>& v) {
        store_pack(shared + place_of(line, k), v);
    }

    /// The words of A's fragment for 16 lines and 8 k: pieces of 8 lines and 4 k, lines first.
    static __device__ __forceinline__ void load_a(const float* shared, int line, int k,
                                                  unsigned (&words)[4]) {
        const int lane = static_cast<int>(threadIdx.x) % 32;
        load_matrices(words, shared + place_of(line + lane % 16, k + lane / 16 * pack));
    }
    /// The words of two of B's fragments, for 8 lines each: pieces of 4 k and 8 lines, k first.
    static __device__ __forceinline__ void load_two_b(const float* shared, int line, int k,
                                                      unsigned (&words)[4]) {
        const int lane = static_cast<int>(threadIdx.x) % 32;
        load_matrices(words, shared + place_of(line + lane / 16 * 8 + lane % 8, k + lane / 8 % 2 * pack));
    }
};

/// The same k by k. (8 words of padding: lines is a multiple of 32.)
template <int lines>
struct DepthByDepthForTensorCores : DepthByDepth<float, false, lines, 8> {
    using Base = DepthByDepth<float, false, lines, 8>;
    static_assert(lines % 32 == 0);

    static __device__ __forceinline__ void load_a(const float* shared, int line, int k,
                                                  unsigned (&words)[4]) {
        const FragmentPlace place;
        VITRINE_UNROLL
        for (int i = 0; i < 4; ++i) {
            words[i] = __float_as_uint(shared[(k + place.a_word(i)) * Base::stride + line + place.a_row(i)]);
        }
    }
    static __device__ __forceinline__ void load_two_b(const float* shared, int line, int k,
                                                      unsigned (&words)[4]) {
        const FragmentPlace place;
        VITRINE_UNROLL
        for (int i = 0; i < 4; ++i) {
            const int column = line + i / 2 * 8 + place.b_column();
            words[i] = __float_as_uint(shared[(k + place.b_word(i % 2)) * Base::stride + column]);
        }
    }
};

/// A fragment of floats as two of tf32.
template <class Fragment>
struct SplitFragment {
    Fragment big;
    Fragment small;

    __device__ __forceinline__ void set(int i, unsigned word) {
        const float value = __uint_as_float(word);
        big.words[i] = cut_to_tf32(value).bits;
        small.words[i] = to_tf32(value - __uint_as_float(big.words[i])).bits;
    }
};

/// Which of C's tiles of 16 × 8 a warp has: `tiles_down` of them above one another and `tiles_across` side by side; 4 warps,
/// of which 2 are side by side or one. The same for all types that are multiplied.
template <int tiles_down, int tiles_across, int warps_side_by_side = 2>
struct TensorTiles {
    static constexpr int mma_rows = 16;
    static constexpr int mma_columns = 8;
    static constexpr int warps_across = warps_side_by_side;
    static constexpr int warps_down = gemm_threads / 32 / warps_across;
    static constexpr int warp_rows = tiles_down * mma_rows;
    static constexpr int warp_columns = tiles_across * mma_columns;
    static constexpr int rows = warps_down * warp_rows;
    static constexpr int columns = warps_across * warp_columns;
    static constexpr int sums_stride = columns + 8;
    static_assert(tiles_across % 2 == 0);

    static __device__ __forceinline__ int warp() { return static_cast<int>(threadIdx.x) / 32; }
    static __device__ __forceinline__ int first_row() { return warp() / warps_across * warp_rows; }
    static __device__ __forceinline__ int first_column() { return warp() % warps_across * warp_columns; }
};

/// The tile of floats.
template <int tiles_down, int tiles_across>
struct TensorTile : TensorTiles<tiles_down, tiles_across> {
    using Tiles = TensorTiles<tiles_down, tiles_across>;
    using M = Mma<Tf32, 8>;
    static constexpr int depth = gemm_depth;
    template <class A, class B>
    static constexpr bool takes = std::is_same_v<typename A::Stored, float> && (A::Value::size == 4) &&
                                  (B::Value::size == 4);

    // A lane has of each 16 × 8 a quarter of two rows. finish() makes it half of one row: 4 columns, a pack.
    static constexpr int thread_rows = tiles_down;
    static constexpr int thread_columns = tiles_across * 4;
    static constexpr int threads_across = Tiles::warps_across * 2;
    static constexpr int threads_down = Tiles::warps_down * 16;
    template <class T>
    static constexpr int neighbouring_rows = 1;

    template <class Loader, int lines>
    using Layout = std::conditional_t<Loader::along_k, LineByLine<lines>, DepthByDepthForTensorCores<lines>>;

    static __device__ __forceinline__ int thread_down() {
        const FragmentPlace place;
        return Tiles::warp() / Tiles::warps_across * 16 + place.group * 2 + place.member % 2;
    }
    static __device__ __forceinline__ int thread_across() {
        return Tiles::warp() % Tiles::warps_across * 2 + FragmentPlace().member / 2;
    }
    template <class T>
    static __device__ __forceinline__ int row_of(int down, int i) {
        return down / 16 * Tiles::warp_rows + i * M::rows + down % 2 * 8 + down % 16 / 2;
    }
    template <class T>
    static __device__ __forceinline__ int column_of(int across, int j) {
        return across / 2 * Tiles::warp_columns + j / 4 * M::columns + across % 2 * 4 + j % 4;
    }

    template <class A, class B>
    static __device__ __forceinline__ void multiply_step(const float* left, const float* right,
                                                         float (&sums)[thread_rows][thread_columns]) {
        const int first_row = Tiles::first_row(), first_column = Tiles::first_column();
        VITRINE_UNROLL
        for (int k = 0; k < gemm_depth; k += M::k) {
            SplitFragment<FragmentB<M>> b[tiles_across];
            VITRINE_UNROLL
            for (int j = 0; j < tiles_across; j += 2) {
                unsigned words[4];
                B::load_two_b(right, first_column + j * M::columns, k, words);
                VITRINE_UNROLL
                for (int i = 0; i < 4; ++i) b[j + i / 2].set(i % 2, words[i]);
            }
            VITRINE_UNROLL
            for (int i = 0; i < tiles_down; ++i) {
                unsigned words[4];
                A::load_a(left, first_row + i * M::rows, k, words);
                SplitFragment<FragmentA<M>> a;
                VITRINE_UNROLL
                for (int s = 0; s < 4; ++s) a.set(s, words[s]);
                VITRINE_UNROLL
                for (int j = 0; j < tiles_across; ++j) {
                    FragmentC sum{};
                    multiply_matrices(sum, a.small, b[j].big);
                    multiply_matrices(sum, a.big, b[j].small);
                    multiply_matrices(sum, a.big, b[j].big);
                    VITRINE_UNROLL
                    for (int s = 0; s < 4; ++s) sums[i][j * 4 + s] += sum.values[s];
                }
            }
        }
    }

    /// Lanes with an even number take the upper of their two rows, and with an odd one the lower: two values for two of
    /// the neighbour's.
    template <class B>
    static __device__ __forceinline__ void finish(float (&sums)[thread_rows][thread_columns]) {
        const bool lower = threadIdx.x % 2 != 0;
        VITRINE_UNROLL
        for (int i = 0; i < thread_rows; ++i) {
            VITRINE_UNROLL
            for (int j = 0; j < thread_columns; j += 4) {
                float* const mine = sums[i] + j;
                VITRINE_UNROLL
                for (int s = 0; s < 2; ++s) {
                    const float theirs = __shfl_xor_sync(0xFFFFFFFFu, lower ? mine[s] : mine[s + 2], 1);
                    if (lower) {
                        mine[s] = theirs;
                    } else {
                        mine[s + 2] = theirs;
                    }
                }
            }
        }
    }
};

}  // namespace vitrine::VITRINE_GPU

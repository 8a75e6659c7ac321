// The block tile of tensor cores for bf16 and f16: as many products as the matrices have, by mma of 16 k each.
//
//     ┌──────────── 64 columns ───────────┐      4 warps, each with 64 × 32 of C: 4 × 4 tiles of 16 × 8. A step is 32 k:
//     │ warp 0          │ warp 1          │      12 KB of A and B, of which two are under way. For it a warp loads 8
//  128│ 64 × 32         │ 64 × 32         │      fragments of A and 8 of B by 12 ldmatrix and makes 32 mma.
// rows├─────────────────┼─────────────────┤
//     │ warp 2          │ warp 3          │      Loads are of 16 bytes, 8 values. They become floats for the prologue or the
//     └─────────────────┴─────────────────┘      gradient's terms, and are rounded on their way into shared memory. What has
//                                                neither (a weight, all that linear layers multiply) is copied as it lies.
//
// That rounding of a, which a product by multiply-adds (gemm_tiles.h) does without, is the price: PyTorch pays it, too, where
// it stores the activation. A gradient behind statistics cannot pay it (keeps_floats in gemm_operands.h) and goes in as the sum
// of two values of 16 bits, what it is rounded to and the rest of it: twice the mma, and with A and B 16 + 4 KB of a step (8 + 8
// where it is B). With bf16 that is 16 binary digits, with f16 22.
//
// Sums stay in the registers of the mma, f32, and are cut off, not rounded, every 16 k: some 2⁻²⁴ of the sum each time, which
// beside the 2⁻⁹ or 2⁻¹² of what is multiplied is nothing.
//
// In what order the lines of B lie where they lie line by line is nobody's matter but the epilogue's: they are dealt out so that
// a lane's columns of the four tiles side by side are 8 neighbours, 16 bytes of a row. Where B lies k by k the lanes exchange
// their sums for that in the end.
//
// FLOPs: those of the product. By the peaks of lab/common/gpus.h, of which an H100's is wgmma's, products with less than some
// 200 FLOPs a byte are bound by memory, which is nearly all of MobileNetV2's. None of it has been timed.
//
// Bank conflicts: none. Operands that come along k lie line by line, 32 k each, and go to registers by ldmatrix, 8 lines of
// 16 bytes at a time; the place of a pack in its line is exchanged by the line's number, so that neither these 8 nor the 8
// that are stored together share a bank. Operands that come across k lie k by k, 16 bytes further each, and ldmatrix turns
// the pieces of 8 × 8.
#pragma once

#include "kernels/cuda/gemm_tensor.h"

namespace vitrine::VITRINE_GPU {

constexpr int half_depth = 32;      // k of a step
constexpr int half_mma_depth = 16;  // k of an mma

/// Rounds 8 floats and stores them, 16 bytes.
template <class Half>
__device__ __forceinline__ void store_halves(float* shared, int place, const Pack<Half>& v) {
    store_pack(reinterpret_cast<Half*>(shared) + place, v);
}

/// Stores 8 that are rounded.
template <class Half>
__device__ __forceinline__ void store_words_of(float* shared, int place, const HalfWords<8>& words) {
    *reinterpret_cast<uint4*>(reinterpret_cast<Half*>(shared) + place) =
        make_uint4(words.word[0], words.word[1], words.word[2], words.word[3]);
}

/// Begins to copy 8 values, 16 bytes; zeros where they are not `inside`.
template <class Half>
__device__ __forceinline__ void copy_halves(float* shared, int place, const Half* from, bool inside) {
    copy_async<16>(reinterpret_cast<Half*>(shared) + place, from, inside);
}

/// An operand in shared memory line by line: [lines, half_depth], without padding. Places are in 16-bit values.
template <class Half, int lines>
struct HalfLineByLine {
    using Element = Half;
    static constexpr int terms = 1;
    static constexpr int pack = Pack<Half>::size;
    static constexpr int packs = half_depth / pack;         // of a line
    static constexpr int lines_of_banks = 64 / half_depth;  // lines that lie side by side in all banks
    static constexpr int count = lines * half_depth / 2;    // in floats

    /// Where the pack of `line` begins that has k.
    static __device__ __forceinline__ int place_of(int line, int k) {
        // Unsigned: then only bits of the line matter, and lines that are 16 apart are a constant apart.
        const unsigned exchange = static_cast<unsigned>(line) / lines_of_banks % packs;
        return line * half_depth + static_cast<int>((static_cast<unsigned>(k) / pack ^ exchange) * pack);
    }
    static __device__ __forceinline__ void store(float* shared, int line, int k, const Pack<Half>& v) {
        store_halves(shared, place_of(line, k), v);
    }
    static __device__ __forceinline__ void store_words(float* shared, int line, int k,
                                                       const HalfWords<8>& words) {
        store_words_of<Half>(shared, place_of(line, k), words);
    }
    static __device__ __forceinline__ void copy(float* shared, int line, int k, const Half* from,
                                                bool inside) {
        copy_halves(shared, place_of(line, k), from, inside);
    }

    /// The words of A's fragment for 16 lines and 16 k: pieces of 8 lines and 8 k, lines first.
    static __device__ __forceinline__ void load_a(const float* shared, int line, int k,
                                                  unsigned (&words)[4]) {
        const int lane = static_cast<int>(threadIdx.x) % 32;
        load_matrices(words, at(shared, line, lane % 16, k + lane / 16 * pack));
    }
    /// The words of two of B's fragments, for 8 lines each: pieces of 8 k and 8 lines, k first.
    static __device__ __forceinline__ void load_two_b(const float* shared, int line, int k,
                                                      unsigned (&words)[4]) {
        const int lane = static_cast<int>(threadIdx.x) % 32;
        load_matrices(words, at(shared, line, lane / 16 * 8 + lane % 8, k + lane / 8 % 2 * pack));
    }

  private:
    /// The `lane`-th from a line on that is a multiple of 8: its packs are exchanged as they are at the first line of all, and
    /// so the compiler finds that a warp's fragments are constants apart.
    static __device__ __forceinline__ const Half* at(const float* shared, int line, int lane, int k) {
        return reinterpret_cast<const Half*>(shared) + place_of(lane, k) + line * half_depth;
    }
};

/// The same k by k: [half_depth, lines], each k 16 bytes longer than its lines.
template <class Half, int lines>
struct HalfDepthByDepth {
    using Element = Half;
    static constexpr int terms = 1;
    static constexpr int stride = lines + Pack<Half>::size;
    static constexpr int count = half_depth * stride / 2;  // in floats
    static_assert(lines % 32 == 0);

    static __device__ __forceinline__ void store(float* shared, int line, int k, const Pack<Half>& v) {
        store_halves(shared, k * stride + line, v);
    }
    static __device__ __forceinline__ void store_words(float* shared, int line, int k,
                                                       const HalfWords<8>& words) {
        store_words_of<Half>(shared, k * stride + line, words);
    }
    static __device__ __forceinline__ void copy(float* shared, int line, int k, const Half* from,
                                                bool inside) {
        copy_halves(shared, k * stride + line, from, inside);
    }

    static __device__ __forceinline__ void load_a(const float* shared, int line, int k,
                                                  unsigned (&words)[4]) {
        const int lane = static_cast<int>(threadIdx.x) % 32;
        load_matrices_transposed(words, at(shared, line + lane / 8 % 2 * 8, k + lane / 16 * 8 + lane % 8));
    }
    static __device__ __forceinline__ void load_two_b(const float* shared, int line, int k,
                                                      unsigned (&words)[4]) {
        const int lane = static_cast<int>(threadIdx.x) % 32;
        load_matrices_transposed(words, at(shared, line + lane / 16 * 8, k + lane % 16));
    }

  private:
    static __device__ __forceinline__ const Half* at(const float* shared, int line, int k) {
        return reinterpret_cast<const Half*>(shared) + k * stride + line;
    }
};

/// What is left of 8 floats beside the values of 16 bits that they are rounded to.
template <class Half>
__device__ __forceinline__ Pack<Half> rest_of_rounding(const Pack<Half>& v) {
    Pack<Half> rest;
    VITRINE_UNROLL
    for (int i = 0; i < rest.size; i += 2) {
        float rounded[2];
        take_word<Half>(word_of<Half>(v[i], v[i + 1]), rounded[0], rounded[1]);
        rest[i] = v[i] - rounded[0];
        rest[i + 1] = v[i + 1] - rounded[1];
    }
    return rest;
}

/// An operand as the sum of two: what its values are rounded to, and behind it what is left of them.
template <class Term>
struct TwoTerms : Term {
    using Half = typename Term::Element;
    static constexpr int terms = 2;
    static constexpr int count = 2 * Term::count;

    static __device__ __forceinline__ void store(float* shared, int line, int k, const Pack<Half>& v) {
        const Pack<Half> rest = rest_of_rounding(v);
        Term::store(shared, line, k, v);
        Term::store(shared + Term::count, line, k, rest);
    }
};

/// Whether a loader's packs are gathered value by value.
template <class Loader>
concept GathersSingles = Loader::gathers_singles;

/// The tile of 16-bit values: what both layouts hold. Beside 128 × 64 there is 128 × 96 with its warps above one another, each with
/// all columns: it reads and prepares A once for 96 columns, and MobileNetV2's channels, most of them multiples of 96, are whole
/// tiles. Of the smaller ones 128 × 32 is for few columns, likewise, and 32 × 32 for the weight gradient of gathered windows, which
/// is small in both.
template <int tiles_down, int tiles_across, int warps_side_by_side = 2>
struct HalfTensorTile : TensorTiles<tiles_down, tiles_across, warps_side_by_side> {
    using Tiles = TensorTiles<tiles_down, tiles_across, warps_side_by_side>;
    static constexpr int depth = half_depth;
    static constexpr bool loads_beyond = true;

    // A lane has of each 16 × 8 two columns of two rows, and in the end of all of them together neighbours in each row.
    static constexpr int thread_rows = tiles_down * 2;
    static constexpr int thread_columns = tiles_across * 2;
    static constexpr int threads_across = Tiles::warps_across * 4;
    static constexpr int threads_down = Tiles::warps_down * 8;
    static constexpr int lanes_down = 8;
    template <class T>
    static constexpr int neighbouring_rows = 1;
    static_assert(tiles_across == 2 || tiles_across % 4 == 0);

    /// Tiles side by side of which a lane's columns come to be neighbours, and their columns.
    static constexpr int joined_tiles = tiles_across == 2 ? 2 : 4;
    static constexpr int joined_columns = joined_tiles * Tiles::mma_columns;

    template <class A>
    static constexpr bool suits = joined_tiles == (GathersSingles<A> && !A::along_k ? 2 : 4) &&
                                  (tiles_down < 4 || !GathersSingles<A>);
    template <class A, class B>
    static constexpr bool takes = is_half_type<typename A::Value::Element> && (A::Value::size == 8) &&
                                  (B::Value::size == 8) && suits<A> &&
                                  (tiles_across <= 4 || (reads_matrix<A> && reads_matrix<B>));

    template <class Loader, int lines>
    using Term = std::conditional_t<Loader::along_k, HalfLineByLine<typename Loader::Stored, lines>,
                                    HalfDepthByDepth<typename Loader::Stored, lines>>;
    template <class Loader, int lines>
    using Layout =
        std::conditional_t<keeps_floats<Loader>, TwoTerms<Term<Loader, lines>>, Term<Loader, lines>>;

    static __device__ __forceinline__ int thread_down() {
        return Tiles::warp() / Tiles::warps_across * 8 + FragmentPlace().group;
    }
    static __device__ __forceinline__ int thread_across() {
        return Tiles::warp() % Tiles::warps_across * 4 + FragmentPlace().member;
    }
    template <class T>
    static __device__ __forceinline__ int row_of(int down, int i) {
        return down / 8 * Tiles::warp_rows + i / 2 * 16 + i % 2 * 8 + down % 8;
    }
    template <class T>
    static __device__ __forceinline__ int column_of(int across, int j) {
        constexpr int neighbours = joined_tiles * 2;
        return across / 4 * Tiles::warp_columns + j / neighbours * joined_columns +
               first_neighbour(across % 4) + j % neighbours;
    }

    /// Which column of C's tile the line is that lies at `place` of B, where B is stored line by line: the one that comes out
    /// of the mma in the lane that is to have it.
    static __device__ __forceinline__ int line_at(int place) {
        const int tile = place / 8 % joined_tiles, member = place % 8 / 2;
        return place / joined_columns * joined_columns + first_neighbour(member) + tile * 2 + place % 2;
    }

    /// Where B lies k by k its lines are in their order, and the lanes exchange what they have of each row: of four tiles lane
    /// m gets tile m, of two it gets half a tile.
    template <class B>
    static __device__ __forceinline__ void finish(float (&sums)[thread_rows][thread_columns]) {
        if constexpr (!B::along_k) {
            VITRINE_UNROLL
            for (int bit = 1; bit < joined_tiles; bit *= 2) {
                const bool upper = (static_cast<int>(threadIdx.x) & bit) != 0;
                VITRINE_UNROLL
                for (int i = 0; i < thread_rows; ++i) {
                    VITRINE_UNROLL
                    for (int j = 0; j < thread_columns; ++j) {
                        if ((j / 2 & bit) != 0) continue;
                        float& low = sums[i][j];
                        float& high = sums[i][j + bit * 2];
                        const float theirs = __shfl_xor_sync(0xFFFFFFFFu, upper ? low : high, bit);
                        low = upper ? theirs : low;
                        high = upper ? high : theirs;
                    }
                }
            }
        }
    }

    template <class A, class B>
    static __device__ __forceinline__ void multiply_step(const float* left, const float* right,
                                                         float (&sums)[thread_rows][thread_columns]) {
        static_assert(A::terms == 1 || B::terms == 1);
        VITRINE_UNROLL
        for (int k = 0; k < depth; k += half_mma_depth) {
            VITRINE_UNROLL
            for (int term = 0; term < B::terms; ++term) {
                multiply_with<A, B>(left, term_of<B>(right, term), k, sums);
            }
        }
    }

  private:
    /// The first of a lane's neighbouring columns.
    static __device__ __forceinline__ int first_neighbour(int member) {
        return joined_tiles == 4 ? member * 8 : member % 2 * 8 + member / 2 * 4;
    }

    template <class Layout>
    static __device__ __forceinline__ const float* term_of(const float* operand, int term) {
        return operand + term * (Layout::count / Layout::terms);
    }

    /// sums += (all terms of A) · (one of B), of the k of an mma.
    template <class A, class B>
    static __device__ __forceinline__ void multiply_with(const float* left, const float* right, int k,
                                                         float (&sums)[thread_rows][thread_columns]) {
        using M = Mma<typename A::Element, half_mma_depth>;
        FragmentB<M> b[tiles_across];
        VITRINE_UNROLL
        for (int j = 0; j < tiles_across; j += 2) {
            unsigned words[4];
            B::load_two_b(right, Tiles::first_column() + j * M::columns, k, words);
            VITRINE_UNROLL
            for (int i = 0; i < 4; ++i) b[j + i / 2].words[i % 2] = words[i];
        }
        VITRINE_UNROLL
        for (int i = 0; i < tiles_down; ++i) {
            VITRINE_UNROLL
            for (int term = 0; term < A::terms; ++term) {
                FragmentA<M> a;
                A::load_a(term_of<A>(left, term), Tiles::first_row() + i * M::rows, k, a.words);
                VITRINE_UNROLL
                for (int j = 0; j < tiles_across; ++j) {
                    float* const upper = sums[2 * i] + 2 * j;
                    float* const lower = sums[2 * i + 1] + 2 * j;
                    FragmentC sum{{upper[0], upper[1], lower[0], lower[1]}};
                    multiply_matrices(sum, a, b[j]);
                    VITRINE_UNROLL
                    for (int s = 0; s < 2; ++s) {
                        upper[s] = sum.values[s];
                        lower[s] = sum.values[2 + s];
                    }
                }
            }
        }
    }
};

}  // namespace vitrine::VITRINE_GPU

// Matrices of 16-bit values in shared memory that are multiplied both ways: rows of 32 columns, 64 bytes, in panels beside one
// another.
//
// The place of a pack in its row is exchanged by the row's number (HalfLineByLine in gemm_half_tensor.h). So the 8 rows of one pack
// that ldmatrix reads at once lie in different banks, turned or not, and so do the 2 rows of a panel that 8 threads store
// together.
#pragma once

#include "kernels/cuda/gemm_half_tensor.h"

namespace vitrine::VITRINE_GPU {

constexpr int panel_columns = half_depth;

/// [rows, columns] in panels of 32 columns. Places are in 16-bit values.
template <class Half, int rows, int columns>
struct HalfPanels {
    using Lines = HalfLineByLine<Half, rows>;
    static constexpr int panels = columns / panel_columns;
    static constexpr int count = panels * Lines::count;  // in floats
    static_assert(columns % panel_columns == 0);

    static __device__ __forceinline__ Half* at(float* shared, int row, int column) {
        float* const panel = shared + column / panel_columns * Lines::count;
        return reinterpret_cast<Half*>(panel) + Lines::place_of(row, column % panel_columns);
    }
    static __device__ __forceinline__ void store(float* shared, int row, int column, const Pack<Half>& v) {
        store_pack(at(shared, row, column), v);
    }
    static __device__ __forceinline__ void store(float* shared, int row, int column, const HalfWords<8>& v) {
        Lines::store_words(shared + column / panel_columns * Lines::count, row, column % panel_columns, v);
    }
    /// Begins to copy the pack that begins at `column`, or zeros where it is not `inside`, so that products by the panel leave
    /// neighbouring columns to one lane: 8 · m + 2 · j + i of a panel is put where mma j looks for lane m's column i, at
    /// 8 · j + 2 · m + i.
    static __device__ __forceinline__ void copy_for_lanes(float* shared, int row, int column,
                                                          const Half* from, bool inside) {
        VITRINE_UNROLL
        for (int j = 0; j < 4; ++j) {
            Half* const eight = at(shared, row, column / panel_columns * panel_columns + j * 8);
            copy_async<4>(eight + column % panel_columns / 4, from + j * 2, inside);
        }
    }

    /// The words of A's fragment for 16 rows, with k along the 16 columns. Here and below rows begin at a multiple of 8: packs are
    /// exchanged as they are in the first ones, so that what is further down has the same address but for a constant.
    static __device__ __forceinline__ void load_a(float* shared, int row, int column, unsigned (&words)[4]) {
        const int lane = static_cast<int>(threadIdx.x) % 32;
        load_matrices(words, below(shared, row, lane % 16, column + lane / 16 * 8));
    }
    /// The same for 16 columns, with k down the 16 rows.
    static __device__ __forceinline__ void load_turned_a(float* shared, int row, int column,
                                                         unsigned (&words)[4]) {
        const int lane = static_cast<int>(threadIdx.x) % 32;
        load_matrices_transposed(words,
                                 below(shared, row, lane / 16 * 8 + lane % 8, column + lane / 8 % 2 * 8));
    }
    /// B's fragments for 8 columns each, with k down the 16 rows.
    template <class M, int tiles>
    static __device__ __forceinline__ void load_turned_b(float* shared, int row, int column,
                                                         FragmentB<M> (&b)[tiles]) {
        static_assert(tiles % 2 == 0);
        const int lane = static_cast<int>(threadIdx.x) % 32;
        VITRINE_UNROLL
        for (int j = 0; j < tiles; j += 2) {
            unsigned words[4];
            load_matrices_transposed(words,
                                     below(shared, row, lane % 16, column + j * M::columns + lane / 16 * 8));
            VITRINE_UNROLL
            for (int i = 0; i < 4; ++i) b[j + i / 2].words[i % 2] = words[i];
        }
    }

  private:
    /// Row `line` of those from `row` on.
    static __device__ __forceinline__ Half* below(float* shared, int row, int line, int column) {
        static_assert(Lines::lines_of_banks * Lines::packs == 8);
        return at(shared, line, column) + row * panel_columns;
    }
};

/// Where a thread's packs lie in so many panels: 8 threads have 2 rows of one panel, 4 packs each.
template <int panels, int threads>
struct PackPlace {
    static constexpr int rows_at_once = threads / (4 * panels);

    int row;
    int column;

    __device__ __forceinline__ PackPlace() {
        const int me = static_cast<int>(threadIdx.x);
        row = me / 4 % 2 + me / (8 * panels) * 2;
        column = me / 8 % panels * panel_columns + me % 4 * 8;
    }
};

/// Shared memory of a block. A function of the size alone, so that kernels that need as much share the variable
/// (kernels/simt/README.md says what each costs there).
template <size_t bytes>
__device__ __forceinline__ unsigned char* block_bytes() {
    alignas(16) __shared__ unsigned char memory[bytes];
    return memory;
}
template <class Shared>
__device__ __forceinline__ Shared& block_memory() {
    constexpr size_t unit = 512;  // so that more kernels need as much
    return *reinterpret_cast<Shared*>(block_bytes<(sizeof(Shared) + unit - 1) / unit * unit>());
}

}  // namespace vitrine::VITRINE_GPU

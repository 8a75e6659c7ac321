// What the implementations of an expansion's moments share: the pieces of the formulas that are the same, and how the tiled one
// cuts pixels into chunks and keeps their rows in shared memory.
#pragma once

#include <algorithm>
#include <numeric>

#include "kernels/conv_fusion.h"
#include "kernels/cuda/gemm_operands.h"
#include "kernels/expanded_conv.h"

namespace vitrine::VITRINE_GPU {

template <class A>
__device__ __forceinline__ double at(const void* values, int64_t i) {
    return static_cast<double>(static_cast<const A*>(values)[i]);
}

/// What a thread of the tiled kernels takes of a row at once: 16 bytes in shared memory, of 16-bit values 8 in global memory.
template <class T>
using MomentPack = Pack<Accumulate<T>>;

constexpr int most_moment_bytes = 256;  // of a row in shared memory

/// Rows of numbers in shared memory, one for each pixel, without gaps: a unit is 16 bytes. Threads write units that lie behind
/// one another, and read the same unit of neighbouring rows. So that 8 of the latter lie in different banks, a row's units
/// change places by the row's number:
///
///     2 units a row    0 1 │ 0 1 │ 0 1 │ 0 1 ║ 1 0 │ 1 0 │ 1 0 │ 1 0       8 units are as wide as all banks
///     4 units          0 1 2 3 │ 0 1 2 3 ║ 1 0 3 2 │ 1 0 3 2 ║ 2 3 0 1 │ …
struct MomentRows {
    int units;
    int shift;
    int mask;

    explicit MomentRows(int units_of_row) : units(units_of_row), shift(3), mask(std::gcd(units, 8) - 1) {
        for (int together = std::gcd(units, 8); together > 1; together /= 2) --shift;
    }

    /// By what a unit's number is exchanged: the same for rows that are a multiple of 8 apart.
    __device__ __forceinline__ int turn(int row) const { return row >> shift & mask; }
    /// In units.
    __device__ __forceinline__ int place(int row, int unit) const { return row * units + (unit ^ turn(row)); }
};

/// The unit of a row that a thread loads, and the first of its rows of a tile; neighbouring threads have neighbouring units.
struct MomentLoader {
    int unit;
    int row;
    int rows;  // that the block loads at once

    __device__ __forceinline__ MomentLoader(const MomentRows& layout, int rows_at_once) : rows(rows_at_once) {
        row = static_cast<int>(threadIdx.x) / layout.units;
        unit = static_cast<int>(threadIdx.x) - row * layout.units;
    }
    __device__ __forceinline__ bool works() const { return row < rows; }
};

/// How pixels are cut into chunks, one for each block, whatever the GPU: no more than `most_blocks` of them, and no fewer than two
/// tiles each, since a block's sums take about as long as a tile.
struct MomentChunks {
    int64_t pixels;
    int64_t count;

    MomentChunks(int64_t all_pixels, int64_t tile_pixels, int64_t most_blocks) {
        const int64_t tiles = divide_up(all_pixels, tile_pixels);
        pixels = tile_pixels * std::max<int64_t>(2, divide_up(tiles, most_blocks));
        count = divide_up(all_pixels, pixels);
    }
};

/// Null, or why the tiled kernels cannot run; `pointers` are those that they load packs through.
template <class Args, class... Pointers>
const char* refuses_moment_tiles(const Args& args, Pointers... pointers) {
    if (args.pixels == 0) return "there are no pixels";
    const int64_t size = args.dtype == DType::f64 ? 8 : 4;
    if (args.narrow * size > most_moment_bytes)
        return "a block has too little shared memory for so many channels";
    if (!fits_int(args.pixels * args.narrow) || !fits_int(args.channels * args.narrow))
        return "more elements than an index of 32 bits can count";
    return refuses_packs(args.dtype, args.narrow, args.x, args.prologue.scale, args.prologue.shift,
                         pointers...);
}

/// expansion_moments_tiled_forward.cu and expansion_moments_tiled_backward.cu.
const char* refuses_tiled_moments(const ExpansionMomentsForward& args);
const char* refuses_tiled_moments(const ExpansionMomentsBackward& args);
void expansion_moments_tiled(const ExpansionMomentsForward& args, Context& context);
void expansion_moments_tiled(const ExpansionMomentsBackward& args, Context& context);

const char* refuses_half_moments(const ExpansionMomentsBackward& args);
void expansion_moments_half(const ExpansionMomentsBackward& args, Context& context);

/// expansion_moments_windows.cu
const char* refuses_window_moments(const ExpansionMomentsForward& args);
void window_moments(const ExpansionMomentsForward& args, Context& context);

}  // namespace vitrine::VITRINE_GPU

// The tiles of pointwise_half_one_pass.cu, which draws them: how the pixels and channels of a block are shared out among its
// warps, and what lies in shared memory.
#pragma once

#include "kernels/cuda/half_panels.h"
#include "kernels/cuda/pointwise_one_pass.h"

namespace vitrine::VITRINE_GPU {

/// The extents of a block's tiles. `row_tiles`: how many mma below one another a warp has of d_a.
template <int panels_of_outputs, int steps_of_outputs, int panels_of_inputs, int row_tiles>
struct HalfOnePassTile {
    static constexpr int warps = one_pass_threads / 32;
    static constexpr int inputs = panels_of_inputs * panel_columns;
    static constexpr int outputs = panels_of_outputs * panel_columns;  // of a step
    static constexpr int steps = steps_of_outputs;
    // Whether the weight is in shared memory for all of a chunk. More than 96 rows of it would leave 7.5 room for one block.
    static constexpr bool keeps_weight = steps * outputs <= 96;
    static constexpr int weight_rows = keeps_weight ? steps * outputs : outputs;
    // of d_a
    static constexpr int warps_across = panels_of_inputs;
    static constexpr int warps_down = warps / warps_across;
    static constexpr int tiles_down = row_tiles;
    static constexpr int tiles_across = panel_columns / 8;
    static constexpr int warp_pixels = tiles_down * 16;
    static constexpr int pixels = warps_down * warp_pixels;
    // of d_weight
    static constexpr int weight_warps_down = outputs / 16;
    static constexpr int weight_warps_across = warps / weight_warps_down;
    static constexpr int weight_columns = inputs / weight_warps_across;
    static constexpr int weight_tiles = weight_columns / 8;
    static_assert(weight_warps_down <= warps);
};

template <class Half, class Tile>
struct HalfOnePassShared {
    using Gradients = HalfPanels<Half, Tile::pixels, Tile::outputs>;
    using Inputs = HalfPanels<Half, Tile::pixels, Tile::inputs>;
    using Weight = HalfPanels<Half, Tile::weight_rows, Tile::inputs>;

    GemmShared<float, 2 * Gradients::count> g;  // what it is rounded to, and the rest
    GemmShared<float, Inputs::count> a;
    GemmShared<float, Weight::count> weight;
    GemmShared<float, 2 * Tile::steps * Tile::outputs> slopes;  // and behind them the offsets
    GemmShared<float, 2 * Tile::inputs> scales;                 // and the shifts
};

/// Blocks that a multiprocessor should hold at once: 168 registers a thread, or as many as there are. More than 14 tiles of
/// sums leave too few of the 168 for all else.
template <class Tile>
constexpr int half_one_pass_at_once =
    Tile::tiles_down* Tile::tiles_across + Tile::steps* Tile::weight_tiles > 14 ? 2 : 3;

}  // namespace vitrine::VITRINE_GPU

// What a block of the expanded convolution's backward pass (expanded_backward.cu) is given, and what it has in shared memory.
#pragma once

#include "kernels/cuda/expanded_gradients.h"
#include "kernels/cuda/expanded_input_gradient.h"
#include "kernels/cuda/expanded_sums.h"

namespace vitrine::VITRINE_GPU {

template <class Half, class Source>
struct ExpandedBackwardTask : ExpandedOperands<Half, Source> {
    UpstreamSource<Pack<Half>, Half> g;
    LanesWriter<Half> d_x;
    LanesWriter<float> wide_d_x;
    float* upstream_parts;   // [chunks, 2, channels], slope and offset of g: alike in all, each block's own
    float* expansion_parts;  // [chunks, channels, narrow]
    LastSums<float, PutExpandedSums> sums;
    TilePlan plan;
};

template <class Half, class Tile, class Narrow>
struct ExpandedBackwardShared {
    static constexpr int of_sums = expanded_slots * pair_sums * expanded_channels;

    GemmShared<float, ExpansionPanel<Half>::count> expansion;
    GemmShared<float, Narrow::count> a;
    static constexpr int of_e = Tile::Input::pixels * WideGradients<Half>::pixel_values;
    GemmShared<float, std::max(of_e, Narrow::lines_count)> e;              // then d_e
    GemmShared<float, std::max(OutputGradients<Tile>::count, of_sums)> g;  // then the pairs' sums
    // Of fewer channels, too: kernels with as much memory share the variable (block_bytes).
    GemmShared<float, NarrowSums<most_narrow_channels>::count> narrow_sums;
};

}  // namespace vitrine::VITRINE_GPU

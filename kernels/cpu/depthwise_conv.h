// What the passes of a depthwise convolution are given: the geometry of its staged rows and where results go.
//
// The loops read rows of x (forward) or of the gradient of y (backward) with one of two kinds of source:
//
// - direct: the tensor itself, where there is no prologue or epilogue and channels fill whole vectors. Tiles
// at the
//   borders check each column.
// - staged: a small ring of rows in the cache, into which each row is copied once: through the prologue (or
// epilogue),
//   with the zero padding in place and channels rounded up to whole vectors. A prologue is so computed once
//   an element instead of once a tap.
//
// T is what tensors are stored in. 16-bit rows are always staged: in the ring they are f32.
#pragma once

#include <algorithm>
#include <cstdint>

#include "kernels/conv.h"
#include "kernels/cpu/channel_sums.h"

namespace vitrine::cpu {

/// The unit of work of one thread: rows of one image, or a few small images whole. It must not depend on the number of
/// threads, since each block's sums are taken by themselves.
struct RowBlocks {
    int64_t images;
    int64_t rows;            // of an image
    int64_t rows_per_block;  // all of an image's where images_per_block is more than 1
    int64_t images_per_block;

    /// At least 32 of large images, 16 of small ones, which come together to about 64 pixels if there are enough.
    static RowBlocks of(int64_t images, Size2 image) {
        const int64_t wanted = (31 + images) / images, rows = image.height;
        const int64_t size = std::max<int64_t>({1, std::min<int64_t>(8, rows), (rows + wanted - 1) / wanted});
        const int64_t together = std::min((64 + rows * image.width - 1) / (rows * image.width), images / 16);
        return {images, rows, size, size < rows ? 1 : std::max<int64_t>(1, together)};
    }

    int64_t count() const { return groups().count() * bands().count(); }

    /// Of all images of the block.
    int64_t rows_of(int64_t block) const { return images_of(block).count() * band_of(block).count(); }

    /// A pass over a block: pass.run_image(image, its first row, the end of its rows) for each image, then finish().
    template <class Pass>
    void run(int64_t block, Pass pass) const {
        const Range together = images_of(block), band = band_of(block);
        for (int64_t image = together.begin; image < together.end; ++image)
            pass.run_image(image, band.begin, band.end);
        pass.finish();
    }

  private:
    Chunks groups() const { return {images, images_per_block}; }
    Chunks bands() const { return {rows, rows_per_block}; }
    Range images_of(int64_t block) const { return groups().range(block / bands().count()); }
    Range band_of(int64_t block) const { return bands().range(block % bands().count()); }
};

/// Output columns that the inner loops compute at once, and the channels of a staged pixel's largest vector.
constexpr int depthwise_tile = 4;
constexpr int64_t depthwise_lanes = 16;

/// Rows of `width` pixels of `channels` each (the true ones rounded up); pixel 0 of the image is at column
/// `left`.
struct PixelRows {
    int64_t staged;  // rows in the ring; 0 if direct
    int64_t width;
    int64_t left;
    int64_t channels;

    bool direct() const { return staged == 0; }
    int64_t row_size() const { return width * channels; }
    int64_t size() const { return staged * row_size(); }

    static bool can_be_direct(int64_t channels) { return channels % depthwise_lanes == 0; }
    static PixelRows direct_from(Size2 image, int64_t channels) { return {0, image.width, 0, channels}; }

    /// For x: as many rows as the kernel has, and columns for a whole number of tiles.
    static PixelRows of_input(const ConvShape& shape) {
        const int64_t columns = round_up(shape.out().width, depthwise_tile);
        return {shape.kernel.height, (columns - 1) * shape.stride.width + shape.kernel.width,
                shape.padding.width, round_up(shape.in_channels, depthwise_lanes)};
    }

    /// For the gradient of y: as many rows and columns as touch one row of x.
    static PixelRows of_gradient(const ConvShape& shape) {
        const int64_t left = (shape.kernel.width - 1 + shape.stride.width - 1) / shape.stride.width;
        const int64_t last = (shape.in.width - 1 + shape.padding.width) / shape.stride.width;
        return {(shape.kernel.height - 1) / shape.stride.height + 1,
                left + std::max(shape.out().width, last + 1), left,
                round_up(shape.in_channels, depthwise_lanes)};
    }
};

/// Zeroes the columns left and right of the image in every staged row.
template <class T>
void clear_borders(const PixelRows& source, int64_t image_width, T* ring) {
    const int64_t right = std::min(source.width, source.left + image_width);
    for (int64_t row = 0; row < source.staged; ++row) {
        T* begin = ring + row * source.row_size();
        std::fill(begin, begin + std::min(source.left, source.width) * source.channels, T(0));
        std::fill(begin + right * source.channels, begin + source.row_size(), T(0));
    }
}

/// Weights and accumulators have one row of source.channels for each tap.
template <class T>
struct DepthwiseForward {
    const ConvForward& args;
    bool general;  // any kernel and stride, instead of the specialised loops
    RowBlocks blocks;
    PixelRows source;
    const Accumulate<T>* weight;
    const Accumulate<T>* bias;      // zeros if there is none
    const Accumulate<T>* zero_row;  // stands for the rows above and below the image
    Statistics* statistics;         // [blocks][channels], zeroed; or null
    bool streams;                   // y is written around the cache

    /// Of each thread: the ring, and what the statistics need.
    int64_t workspace_size() const { return source.size() + (3 + depthwise_tile) * source.channels; }
};

template <class T>
struct DepthwiseBackward {
    const ConvBackward& args;
    bool general;
    RowBlocks blocks;
    PixelRows source;
    const Accumulate<T>* weight;
    const Accumulate<T>*
        zero_row;  // stands for the rows above and below the gradients, and for a pixel beside them
    const Accumulate<T>*
        level;  // the epilogue's part: g = d_y + level + slope · (y − mean); null if there is none
    const Accumulate<T>* slope;
    Accumulate<T>* partial;  // [blocks][sums()][source.channels], zeroed
    bool streams;            // d_x is written around the cache

    /// What each block adds up for a channel: the taps of d_weight, then d_scale, d_shift, d_bias.
    int64_t taps() const { return args.shape.kernel.height * args.shape.kernel.width; }
    int64_t sums() const { return taps() + 3; }
    int64_t sums_size() const { return sums() * source.channels; }

    /// Of each thread: the ring, and the sums of a few rows.
    int64_t workspace_size() const { return source.size() + sums() * source.channels; }
};

/// The passes over one block, compiled for one instruction set and one type.
template <class T>
struct DepthwisePasses {
    void (*forward)(const DepthwiseForward<T>& conv, int64_t block, Accumulate<T>* workspace);
    void (*backward)(const DepthwiseBackward<T>& conv, int64_t block, Accumulate<T>* workspace);
};

}  // namespace vitrine::cpu

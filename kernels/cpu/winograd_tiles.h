// What the passes over Winograd's tiles are given: see winograd_conv.h for the letters.
#pragma once

#include "kernels/conv.h"
#include "kernels/cpu/gemm.h"
#include "kernels/cpu/parallel.h"

namespace vitrine::cpu {

constexpr int winograd_places = 16;  // 4×4

/// The tiles of 2×2 pixels that cover all images of a size, one after the other.
struct TileGrid {
    int64_t images;
    Size2 size;

    int64_t rows() const { return (size.height + 1) / 2; }
    int64_t columns() const { return (size.width + 1) / 2; }
    int64_t count() const { return images * rows() * columns(); }
};

/// Where patches come from, and what happens to each pixel as it is read.
template <class T>
struct PatchSource {
    const T* pixels;  // [images, size, channels]
    Size2 size;
    int64_t channels;
    Size2 padding;  // a tile's patch begins so many pixels before it
    const T* scale = nullptr;
    const T* shift = nullptr;
    Activation activation = Activation::identity;
};

/// Places [16, tiles of a chunk, stride].
template <class T>
struct Places {
    T* data;
    int64_t tiles;
    int64_t stride;

    T* place(int p) const { return data + p * tiles * stride; }
    static int64_t size(int64_t tiles, int64_t stride) { return winograd_places * tiles * stride; }
};

/// Where the outputs of tiles go. As RowSink of gemm.h: statistics, or the way back through a prologue.
template <class T>
struct TileSink {
    T* pixels;  // null if only sums are wanted
    bool accumulate = false;
    int64_t channels;
    const T* bias = nullptr;

    T* means = nullptr;  // [chunks, channels], or null
    T* m2s = nullptr;
    int64_t* counts = nullptr;  // pixels of each chunk

    const T* x = nullptr;
    const T* scale = nullptr;
    const T* shift = nullptr;
    Activation activation = Activation::identity;
    T* scale_sums = nullptr;  // [chunks, channels], or null
    T* shift_sums = nullptr;
};

/// A chunk of tiles of y, or of d_x.
template <class T>
struct WinogradProduct {
    PatchSource<T> source;
    TileGrid grid;
    Chunks chunks;
    PanelLayout layout;  // of the sink's channels
    const T* weights;    // U: 16 packed matrices [source channels, sink channels]
    TileSink<T> sink;

    int64_t weights_of_place() const { return source.channels * layout.padded(); }
    /// Of each thread: V, M and the pixels of a chunk.
    int64_t workspace_size() const {
        return Places<T>::size(chunks.size, source.channels) + Places<T>::size(chunks.size, layout.padded()) +
               4 * chunks.size * layout.padded();
    }
};

/// A part of the chunks, whose dU are added up.
template <class T>
struct WinogradWeightGradient {
    PatchSource<T> source;  // of x
    const T* g;             // [images, grid.size, out_channels]
    int64_t out_channels;
    TileGrid grid;
    Chunks chunks;
    Chunks parts;        // of the chunks
    PanelLayout layout;  // of the source's channels
    T* sums;             // [parts, 16, out_channels, padded channels]

    int64_t sums_of_part() const { return winograd_places * out_channels * layout.padded(); }
    /// Of each thread: V and dM of a chunk.
    int64_t workspace_size() const {
        return Places<T>::size(chunks.size, layout.padded()) + Places<T>::size(chunks.size, out_channels);
    }
};

}  // namespace vitrine::cpu

// Windows of an image as an expansion's narrow tile (expanded_tiles.h): those of a network's first layer, 3×3 at stride 2 with a
// padding of 1, of three channels.
//
// A line of a window is nine values that lie behind one another, and a pixel of the tile takes three such runs, each 6 values, 12
// bytes, behind the pixel's before it. So the tile's part of the image is copied as it lies, in words of two values, and a run is
// five words of it, of which the first begins with a value that belongs to the window's left neighbour:
//
//     x in words      |·a|bc|de|fg|hi|jk|lm|no|p…      · is outside, or a neighbour's
//     pixel 0          ·a bc de fg hi                  a…i: 3 pixels of the image, 3 channels each
//     pixel 1                   ·g hi jk lm no         g…o
//
//     a's panel [pixels, 32]: 10 · line + 1 + 3 · column + channel; zeros at 10 · line and behind the last line
//
// Shared memory: a's panel, and while it is made the image's lines, pairs of values, `pitch` words each. With this pitch a warp's four
// loads of a pixel's words take seven passes, with many another eleven, with none fewer.
#pragma once

#include "kernels/cuda/expanded_tiles.h"

namespace vitrine::VITRINE_GPU {

/// The windows' extents, and where a panel has their numbers.
struct FirstLayerWindow {
    static constexpr int side = 3;
    static constexpr int stride = 2;
    static constexpr int channels = 3;
    static constexpr int run = side * channels;  // values of a line
    static constexpr int numbers = side * run;
    static constexpr int run_columns = run + 1;  // of a panel

    /// What a column of a panel has of a window, or −1.
    static __host__ __device__ constexpr int number_of(int column) {
        const int line = column / run_columns, place = column % run_columns - 1;
        return line < side && place >= 0 ? line * run + place : -1;
    }
};

/// Null, or why these are other windows, or cannot be read by pairs of values.
template <class Args>
const char* refuses_first_layer(const Args& args) {
    using Window = FirstLayerWindow;
    const InputWindows& windows = args.windows;
    if (windows.kernel != Size2{Window::side, Window::side} || windows.padding != Size2{1, 1} ||
        windows.stride != Size2{Window::stride, Window::stride} || windows.channels != Window::channels)
        return "windows that are not 3x3 at stride 2 with a padding of 1, of three channels";
    if (windows.in.width % 2 != 0) return "a row of the image is an odd number of 16-bit values";
    return nullptr;
}

/// x, of which a pair of neighbours in a row is loaded at once.
template <class Half>
struct WindowImage {
    const unsigned* pairs;
    int height;
    int row_pairs;

    template <class Args>
    explicit WindowImage(const Args& args)
        : pairs(static_cast<const unsigned*>(args.x)),
          height(static_cast<int>(args.windows.in.height)),
          row_pairs(static_cast<int>(args.windows.in.width) * FirstLayerWindow::channels / 2) {}

    /// Of the panel: all, since its zeros lie between.
    template <class Args>
    static int columns(const Args&) {
        return panel_columns;
    }
};

/// The windows of a tile's pixels in shared memory. With `ones` the first column tells which pixels there are: 1 for those of the
/// image that e is, and those outside have zeros alone.
template <class Half, class Tile, bool ones = false>
struct WindowTile {
    using Source = WindowImage<Half>;
    using Panel = HalfPanels<Half, Tile::products * 16, panel_columns>;
    using Place = PixelColumn<Tile>;
    using Window = FirstLayerWindow;
    static constexpr bool has_gradient = false;
    static constexpr int most = panel_columns;
    static constexpr int lines = Tile::rows * Window::stride + 1;
    static constexpr int line_pairs = (Tile::columns * Window::stride * Window::channels) / 2 + 2;
    static constexpr int pitch = (line_pairs + 31) / 32 * 32 - 1;
    static constexpr int count = Panel::count;         // in floats
    static constexpr int lines_count = lines * pitch;  // likewise
    static_assert(line_pairs <= pitch && Tile::columns <= Place::places && Place::places == 16);

    static __device__ __forceinline__ void clear(float*) {}
    static __device__ __forceinline__ void prepare(const Source&, int, float*) {}

    /// All threads of the block. memory: of lines_count, which nobody uses, but for this, until the next barrier.
    static __device__ __forceinline__ void load(const Source& image, const Tile& tile, int, float* shared,
                                                float* memory) {
        unsigned* const region = reinterpret_cast<unsigned*>(memory);
        load_lines(image, tile, region);
        __syncthreads();
        unsigned first[4], mask[4];
        VITRINE_UNROLL
        for (int i = 0; i < 4; ++i) {
            const int word = static_cast<int>(threadIdx.x) % 4 * 4 + i,
                      line = word / (Window::run_columns / 2), place = word % (Window::run_columns / 2);
            const bool there = line < Window::side;
            first[i] = there ? line * pitch + place : 0;
            mask[i] = !there ? 0 : place == 0 ? 0xFFFF0000u : 0xFFFFFFFFu;
        }
        const int column = static_cast<int>(threadIdx.x) / 4 % Place::places;
        if (column >= Tile::columns) return;
        VITRINE_UNROLL
        for (int i = 0; i < Place::loads; ++i) {
            const int row = static_cast<int>(threadIdx.x) / 4 / Place::places + i * Place::rows_at_once;
            if (row < Tile::rows) put_pixel(tile, row, column, region, first, mask, shared);
        }
    }

    /// The weights [channels, numbers] of 32 channels from `first_channel` on, as [32, panel]. A barrier must follow.
    static __device__ __forceinline__ void load_weights(const Half* weights, int first_channel, int channels,
                                                        int, float* shared) {
        using Weights = HalfPanels<Half, expanded_channels, panel_columns>;
        const int row = static_cast<int>(threadIdx.x) / 4, column = static_cast<int>(threadIdx.x) % 4 * 8;
        const int channel = first_channel + row;
        HalfWords<8> words;
        VITRINE_UNROLL
        for (int i = 0; i < 4; ++i) {
            unsigned pair[2];
            VITRINE_UNROLL
            for (int k = 0; k < 2; ++k) {
                const int number = Window::number_of(column + 2 * i + k);
                const bool there = channel < channels && number >= 0;
                const auto* bits = reinterpret_cast<const unsigned short*>(weights);
                pair[k] = there ? bits[channel * Window::numbers + number] : 0;
            }
            words.word[i] = pair[0] | pair[1] << 16;
        }
        Weights::store(shared, row, column, words);
    }

  private:
    /// Half of the threads have a line, the others the next one.
    static __device__ __forceinline__ void load_lines(const Source& image, const Tile& tile,
                                                      unsigned* region) {
        constexpr int threads_of_line = expanded_threads / 2, loads = (lines + 1) / 2, at_once = 6;
        static_assert(line_pairs <= threads_of_line);
        const int pair = static_cast<int>(threadIdx.x) % threads_of_line,
                  first_line = static_cast<int>(threadIdx.x) / threads_of_line;
        // Pixel 0's window begins 3 values before 6 · column, and the word one value before that.
        const int column = tile.column * Window::channels - 2 + pair;
        const bool inside = static_cast<unsigned>(column) < static_cast<unsigned>(image.row_pairs);
        const unsigned* const from = image.pairs + tile.image * image.height * image.row_pairs +
                                     min(max(column, 0), image.row_pairs - 1);
        const int first_row = tile.row * Window::stride - 1 + first_line;
        if (pair >= line_pairs) return;
        VITRINE_UNROLL
        for (int first = 0; first < loads; first += at_once) {
            unsigned values[at_once];
            VITRINE_UNROLL
            for (int i = 0; i < at_once && first + i < loads; ++i) {
                const int row = first_row + 2 * (first + i);
                values[i] = from[min(max(row, 0), image.height - 1) * image.row_pairs];
            }
            VITRINE_UNROLL
            for (int i = 0; i < at_once && first + i < loads; ++i) {
                const int line = first_line + 2 * (first + i), row = first_row + 2 * (first + i);
                const bool there = inside && static_cast<unsigned>(row) < static_cast<unsigned>(image.height);
                if (lines % 2 == 0 || line < lines) region[line * pitch + pair] = there ? values[i] : 0;
            }
        }
    }

    static __device__ __forceinline__ void put_pixel(const Tile& tile, int row, int column,
                                                     const unsigned* region, const unsigned (&first)[4],
                                                     const unsigned (&mask)[4], float* shared) {
        constexpr int pixel_pairs = Window::stride * Window::channels / 2;
        const unsigned* const from = region + row * Window::stride * pitch + column * pixel_pairs;
        HalfWords<8> words;
        VITRINE_UNROLL
        for (int i = 0; i < 4; ++i) words.word[i] = from[first[i]] & mask[i];
        if constexpr (ones) {
            const bool there = tile.inside(row, column);
            if (threadIdx.x % 4 == 0) words.word[0] |= word_of<Half>(1.0F, 0.0F);
            VITRINE_UNROLL
            for (int i = 0; i < 4; ++i) words.word[i] = there ? words.word[i] : 0;
        }
        Panel::store(shared, row * Tile::pitch + column, static_cast<int>(threadIdx.x) % 4 * 8, words);
    }
};

/// The columns of a panel into a gradient [channels, numbers].
struct PutWindowGradient {
    using Stored = float;

    GradientWriter<float> gradient;

    template <class V>
    __device__ __forceinline__ void operator()(int channel, int column, const V& sums) const {
        VITRINE_UNROLL
        for (int i = 0; i < V::size; ++i) {
            const int number = FirstLayerWindow::number_of(column + i);
            if (number >= 0) gradient(channel * FirstLayerWindow::numbers + number, sums[i]);
        }
    }
};

}  // namespace vitrine::VITRINE_GPU

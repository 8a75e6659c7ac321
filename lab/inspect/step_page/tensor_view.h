// What a page shows of a tensor: figures of all its elements, a histogram, a sample of them as a picture, and a few with
// their exact values.
//
// A tensor is looked at as images: n of them with so many channels of h × w cells. The picture is a sheet of tiles, a row
// for each image and a column for each channel that is shown. A tile of a large image takes the nearest element of each of
// its cells, never a mean: every cell that is drawn is an element of the tensor.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "engine/tensor.h"

namespace vitrine::inspect {

/// An axis of the look, and how far apart its steps lie in memory.
struct Axis {
    int64_t extent = 1, stride = 0;
    int64_t shown = 1;  // tiles or cells of it; cell i is element floor((i + ½) · extent / shown)
    int axis = -1;      // of the tensor's shape; −1: none

    int64_t place(int64_t i) const { return (2 * i + 1) * extent / (2 * shown); }
};

struct Layout {
    Axis image{}, channel{}, row{}, column{};
};

/// Activations: [N, H, W, C], and else rows and columns. Weights: each output channel a tile, each input channel an
/// "image". No more cells than `cells`, about.
Layout layout_of(const Shape& shape, bool is_weight, int64_t cells);

struct Pin {
    int64_t index;  // in memory
    double value;
    const char* why;  // "largest", "smallest", "random"
};

struct TensorView {
    Shape shape;
    double bytes = 0;
    double mean = 0, deviation = 0, low = 0, high = 0, norm = 0;
    int64_t zeros = 0, sixes = 0;      // elements that are exactly so
    int64_t not_finite = 0;            // which the figures and the histogram leave out
    std::vector<int64_t> histogram{};  // from low to high, in bins of one width
    Layout layout{};
    double shown_low = 0, shown_high = 0;  // what the picture's 0 and 254 stand for; beyond are its ends
    std::vector<uint8_t> picture{};        // a PNG, gray; 255: not finite
    std::vector<Pin> pins{};
    std::vector<double> exact{};  // all elements, where they are few
};

TensorView view_of(const Tensor& tensor, bool is_weight, int64_t cells);

}  // namespace vitrine::inspect

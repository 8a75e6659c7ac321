// Where the windows of convolutions and pools lie: which pixels a window sees, and which windows see a pixel.
#pragma once

#include <cstdint>

#include "kernels/conv.h"

namespace vitrine::inspect {

/// Along one axis.
struct Axis {
    int64_t in, out, kernel, stride, padding;
};

struct Windows {
    Axis rows, columns;

    Windows(Size2 in, Size2 out, Size2 kernel, Size2 stride, Size2 padding)
        : rows{in.height, out.height, kernel.height, stride.height, padding.height},
          columns{in.width, out.width, kernel.width, stride.width, padding.width} {}
};

/// visit(p, pixel): the pixels of window i, with padding left out.
template <class Visit>
void for_each_pixel(const Axis& axis, int64_t i, Visit visit) {
    for (int64_t p = 0; p < axis.kernel; ++p) {
        const int64_t pixel = i * axis.stride + p - axis.padding;
        if (pixel >= 0 && pixel < axis.in) visit(p, pixel);
    }
}

/// visit(p, i): the windows that see a pixel, and as which of theirs.
template <class Visit>
void for_each_window(const Axis& axis, int64_t pixel, Visit visit) {
    for (int64_t p = axis.kernel - 1; p >= 0; --p) {
        const int64_t begin = pixel + axis.padding - p;
        if (begin >= 0 && begin % axis.stride == 0 && begin / axis.stride < axis.out)
            visit(p, begin / axis.stride);
    }
}

/// visit(i, pixel): the windows whose p-th pixel is no padding.
template <class Visit>
void for_each_use(const Axis& axis, int64_t p, Visit visit) {
    for (int64_t i = 0; i < axis.out; ++i) {
        const int64_t pixel = i * axis.stride + p - axis.padding;
        if (pixel >= 0 && pixel < axis.in) visit(i, pixel);
    }
}

}  // namespace vitrine::inspect

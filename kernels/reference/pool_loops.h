// The loop nest of the pools that slide a window over an image.
#pragma once

#include "kernels/pool.h"

namespace vitrine::reference {

/// Calls window(n, i, j, c) for each element of y, in memory order.
template <class Window>
void for_each_window(const PoolShape& shape, Window window) {
    const Size2 out = shape.out();
    for (int64_t n = 0; n < shape.batch; ++n)
        for (int64_t i = 0; i < out.height; ++i)
            for (int64_t j = 0; j < out.width; ++j)
                for (int64_t c = 0; c < shape.channels; ++c) window(n, i, j, c);
}

/// Calls visit(row, column) for each input pixel in the window of output pixel (i, j); padding is left out.
template <class Visit>
void for_each_pixel_in_window(const PoolShape& shape, int64_t i, int64_t j, Visit visit) {
    for (int64_t p = 0; p < shape.kernel.height; ++p)
        for (int64_t q = 0; q < shape.kernel.width; ++q) {
            const int64_t row = i * shape.stride.height + p - shape.padding.height;
            const int64_t column = j * shape.stride.width + q - shape.padding.width;
            if (row >= 0 && row < shape.in.height && column >= 0 && column < shape.in.width)
                visit(row, column);
        }
}

inline int64_t x_index(const PoolShape& shape, int64_t n, int64_t row, int64_t column, int64_t c) {
    return ((n * shape.in.height + row) * shape.in.width + column) * shape.channels + c;
}

inline int64_t y_index(const PoolShape& shape, int64_t n, int64_t i, int64_t j, int64_t c) {
    const Size2 out = shape.out();
    return ((n * out.height + i) * out.width + j) * shape.channels + c;
}

inline int64_t x_count(const PoolShape& shape) {
    return shape.batch * shape.in.height * shape.in.width * shape.channels;
}

}  // namespace vitrine::reference

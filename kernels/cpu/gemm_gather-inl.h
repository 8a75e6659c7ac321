// Gathers rows of a window into a tile: the left matrix of a convolution, a few rows at a time.

#include <hwy/highway.h>

#include <algorithm>
#include <cstdint>

#include "kernels/cpu/conv_parts-inl.h"
#include "kernels/cpu/gemm.h"

#if defined(VITRINE_KERNELS_CPU_GEMM_GATHER_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef VITRINE_KERNELS_CPU_GEMM_GATHER_INL_H_
#undef VITRINE_KERNELS_CPU_GEMM_GATHER_INL_H_
#else
#define VITRINE_KERNELS_CPU_GEMM_GATHER_INL_H_
#endif

HWY_BEFORE_NAMESPACE();
namespace vitrine::cpu::HWY_NAMESPACE {

template <class From, class To>
HWY_INLINE HWY_ATTR void copy_row(const From* from, int64_t count, To* to) {
    if constexpr (is_half_type<From> && dtype_of<From> == dtype_of<To>) {
        std::memcpy(to, from, static_cast<size_t>(count) * sizeof(To));
        return;
    }
    for_each_vector<Accumulate<From>>(
        count, [&](auto part, int64_t c) HWY_ATTR { part.store(part.load(from + c), to + c); });
}

template <class T>
HWY_INLINE HWY_ATTR void zero_row(int64_t count, T* to) {
    if constexpr (is_half_type<T>) {
        std::memset(to, 0, static_cast<size_t>(count) * sizeof(T));
    } else {
        for_each_vector<T>(count, [&](auto part, int64_t c) HWY_ATTR { part.store(constant<T>(0), to + c); });
    }
}

/// `to` must be aligned to a vector of D, and the row whole vectors long.
template <class D, class T = hn::TFromD<D>>
HWY_INLINE void stream_row(D d, const T* from, int64_t count, T* to) {
    constexpr int64_t lanes = hn::MaxLanes(d);
    for (int64_t c = 0; c < count; c += lanes) hn::Stream(hn::LoadU(d, from + c), d, to + c);
}

template <class From, class To>
HWY_INLINE HWY_ATTR void add_row(const From* from, int64_t count, To* to) {
    for_each_vector<Accumulate<From>>(count, [&](auto part, int64_t c) HWY_ATTR {
        part.store(hn::Add(part.load(to + c), part.load(from + c)), to + c);
    });
}

/// A place in the grid of a source or a sink, counted up row by row.
struct GridPosition {
    int64_t image;
    int64_t i;
    int64_t j;

    GridPosition(int64_t row, Size2 grid)
        : image(row / (grid.height * grid.width)), i(row / grid.width % grid.height), j(row % grid.width) {}

    void advance(Size2 grid) {
        if (++j < grid.width) return;
        j = 0;
        if (++i < grid.height) return;
        i = 0;
        ++image;
    }
};

/// The taps of one line of a window: `count` pixels from `pixel` on, in one run where their channels are
/// consecutive.
template <class T, class To>
HWY_INLINE void gather_taps(const RowSource<T>& source, const T* pixel, int64_t count, To* to) {
    const int64_t channels = source.group_channels;
    if (source.plain() && channels == source.channels) return copy_row(pixel, count * channels, to);
    if (!source.plain()) {
        const int64_t c = source.first_channel;
        return prologue_rows<T, To>(
            {pixel, source.channels}, count, channels, source.scale == nullptr ? nullptr : source.scale + c,
            source.shift == nullptr ? nullptr : source.shift + c, source.activation, {to, channels});
    }
    for (int64_t tap = 0; tap < count; ++tap, pixel += source.channels, to += channels)
        copy_row(pixel, channels, to);
}

template <class T, class To>
HWY_INLINE void gather_row(const RowSource<T>& source, const GridPosition& at, To* to) {
    const int64_t run = source.taps.width * source.group_channels;
    const int64_t column = at.j * source.step.width - source.offset.width;
    const int64_t first = std::clamp<int64_t>(-column, 0, source.taps.width);
    const int64_t last = std::clamp<int64_t>(source.in.width - column, first, source.taps.width);
    for (int64_t p = 0; p < source.taps.height; ++p, to += run) {
        const int64_t row = at.i * source.step.height + p - source.offset.height;
        if (row < 0 || row >= source.in.height || first == last) {
            zero_row(run, to);
            continue;
        }
        const int64_t pixel = (at.image * source.in.height + row) * source.in.width + column + first;
        if (first > 0) zero_row(first * source.group_channels, to);
        gather_taps(source, source.pixels + pixel * source.channels + source.first_channel, last - first,
                    to + first * source.group_channels);
        if (last < source.taps.width) {
            zero_row((source.taps.width - last) * source.group_channels, to + last * source.group_channels);
        }
    }
}

/// A row whose window lies between the left and right edges, of all channels and with no prologue: one run of
/// `run` elements for each line of the window. This is most rows of a first layer whose images are too wide for a band.
template <class T, class To>
HWY_INLINE void gather_inner_row(const RowSource<T>& source, const GridPosition& at, int64_t run, To* to) {
    const int64_t first_line = at.i * source.step.height - source.offset.height;
    const int64_t column = at.j * source.step.width - source.offset.width;
    const int64_t line_elements = source.in.width * source.channels;
    const T* line =
        source.pixels + (at.image * source.in.height + first_line) * line_elements + column * source.channels;
    for (int64_t p = 0; p < source.taps.height; ++p, to += run, line += line_elements) {
        if (first_line + p >= 0 && first_line + p < source.in.height) {
            copy_row(line, run, to);
        } else {
            zero_row(run, to);
        }
    }
}

/// Rows [first, first + count) into `tile`, `stride` apart; the columns past the depth become zero.
template <class T, class To>
void gather_rows(const RowSource<T>& source, int64_t first, int64_t count, To* tile, int64_t stride) {
    const int64_t depth = source.depth();
    // As they are, they are copied below: 16 bits need not become floats for that.
    const bool copied = is_half_type<T> && dtype_of<T> == dtype_of<To> && source.plain();
    if (source.rows_are_pixels() && source.group_channels == source.channels && !copied) {
        prologue_rows<T, To>({source.pixels + first * depth, depth}, count, depth, source.scale, source.shift,
                             source.activation, {tile, stride});
        for (int64_t row = 0; stride > depth && row < count; ++row)
            zero_row(stride - depth, tile + row * stride + depth);
        return;
    }
    const int64_t run = source.taps.width * source.group_channels;
    const bool whole_pixels = source.plain() && source.group_channels == source.channels;
    const int64_t last_column = source.in.width - source.taps.width;
    GridPosition at(first, source.grid);
    for (int64_t row = 0; row < count; ++row, tile += stride, at.advance(source.grid)) {
        const int64_t column = at.j * source.step.width - source.offset.width;
        if (whole_pixels && column >= 0 && column <= last_column) {
            gather_inner_row(source, at, run, tile);
        } else {
            gather_row(source, at, tile);
        }
        if (stride > depth) zero_row(stride - depth, tile + depth);
    }
}

/// The part of a band that is of one image: what the grid's lines [first_line, end_line) read.
struct BandPart {
    int64_t image;
    int64_t first_line;
    int64_t end_line;
    int64_t place;  // of its first line in the band
};

/// Calls body(part) for the parts of the band of rows [first, first + count).
template <class T, class Body>
HWY_INLINE void for_each_band_part(const RowSource<T>& source, int64_t first, int64_t count,
                                   const Body& body) {
    const int64_t image_rows = source.grid.height * source.grid.width;
    BandPart part{};
    for (int64_t row = first; row < first + count;) {
        part.image = row / image_rows;
        const int64_t image_begin = part.image * image_rows;
        const int64_t end = std::min(first + count, image_begin + image_rows);
        part.first_line = (row - image_begin) / source.grid.width;
        part.end_line = (end - 1 - image_begin) / source.grid.width + 1;
        body(part);
        part.place += (part.end_line - part.first_line - 1) * source.step.height + source.taps.height;
        row = end;
    }
}

/// Fills the band of rows [first, first + count).
template <class T, class To>
void fill_band(const RowSource<T>& source, int64_t first, int64_t count, To* band) {
    const int64_t elements = source.band_line(), columns = elements / source.channels;
    const int64_t begin = std::clamp<int64_t>(source.offset.width, 0, columns);
    const int64_t end = std::clamp<int64_t>(source.in.width + source.offset.width, begin, columns);
    for_each_band_part(source, first, count, [&](const BandPart& part) HWY_ATTR {
        const int64_t lines = (part.end_line - part.first_line - 1) * source.step.height + source.taps.height;
        const int64_t first_row = part.first_line * source.step.height - source.offset.height;
        To* to = band + part.place * elements;
        for (int64_t row = first_row; row < first_row + lines; ++row, to += elements) {
            if (row < 0 || row >= source.in.height || begin == end) {
                zero_row(elements, to);
                continue;
            }
            const int64_t pixel =
                (part.image * source.in.height + row) * source.in.width + begin - source.offset.width;
            zero_row(begin * source.channels, to);
            gather_taps(source, source.pixels + pixel * source.channels, end - begin,
                        to + begin * source.channels);
            zero_row((columns - end) * source.channels, to + end * source.channels);
        }
    });
}

/// Calls body(windows, row, rows) for the rows of each line of the grid: their windows lie a step apart from `windows` on, and
/// `row` counts from `first`.
template <class T, class To, class Body>
HWY_INLINE void for_each_band_line(const RowSource<T>& source, int64_t first, int64_t count, const To* band,
                                   const Body& body) {
    const int64_t width = source.grid.width;
    for_each_band_part(source, first, count, [&](const BandPart& part) HWY_ATTR {
        for (int64_t line = part.first_line; line < part.end_line; ++line) {
            const int64_t line_row = (part.image * source.grid.height + line) * width;
            const int64_t begin = std::max(line_row, first);
            const int64_t end = std::min(line_row + width, first + count);
            const int64_t place = part.place + (line - part.first_line) * source.step.height;
            body(band + place * source.band_line() + (begin - line_row) * source.step.width * source.channels,
                 begin - first, end - begin);
        }
    });
}

/// Some of a band's elements into a tile, whole vectors at a time: what is too much of a line lies under the next one, and of
/// a row under the next row. So band and tile must have room for a vector more than their elements.
template <class To>
HWY_INLINE void copy_run(const To* from, int64_t count, To* to) {
    if constexpr (is_half_type<To>) {
        const hn::ScalableTag<uint16_t> d;
        for (int64_t c = 0; c < count; c += lanes_of<uint16_t>())
            hn::StoreU(hn::LoadU(d, &from[c].bits), d, &to[c].bits);
    } else {
        const hn::ScalableTag<To> d;
        for (int64_t c = 0; c < count; c += lanes_of<To>()) hn::StoreU(hn::LoadU(d, from + c), d, to + c);
    }
}

/// As gather_rows, out of the rows' band.
template <class T, class To>
void gather_rows_of_band(const RowSource<T>& source, int64_t first, int64_t count, const To* band, To* tile,
                         int64_t stride) {
    const int64_t elements = source.band_line(), depth = source.depth();
    const int64_t run = source.taps.width * source.channels;
    for_each_band_line(source, first, count, band, [&](const To* window, int64_t row, int64_t rows) HWY_ATTR {
        for (const int64_t end = row + rows; row < end;
             ++row, window += source.step.width * source.channels) {
            To* to = tile + row * stride;
            for (int64_t p = 0; p < source.taps.height; ++p, to += run)
                copy_run(window + p * elements, run, to);
            if (stride > depth) zero_row(stride - depth, to);
        }
    });
}

}  // namespace vitrine::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif

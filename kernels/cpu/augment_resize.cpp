// Resizing a part of an image: see augment_resize.h.
//
// Sums of whole numbers do not depend on their order, so that any order gives Pillow's bytes. Along a column a vector
// is neighbouring bytes of a row. Along a row neighbouring outputs have weights of their own; a vector is 16 rows'
// bytes in the same place instead, for which 16 rows are turned into columns and back.

#include "kernels/cpu/augment_resize.h"

#include <algorithm>
#include <array>
#include <vector>

#include "kernels/augment_resize.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/augment_resize.cpp"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"

#ifndef VITRINE_KERNELS_CPU_AUGMENT_RESIZE_ONCE
#define VITRINE_KERNELS_CPU_AUGMENT_RESIZE_ONCE
namespace vitrine::cpu {
namespace {

using augment::ResizeAxis;

/// For each output the first input and the weights from there on.
struct Weights {
    std::vector<int64_t> begin;
    std::vector<int64_t> offset;  // of an output's weights; one more than outputs
    std::vector<int32_t> values;

    explicit Weights(const ResizeAxis& axis) : offset{0} {
        for (int64_t out = 0; out < axis.output; ++out) {
            begin.push_back(axis.begin(out));
            const double total = axis.sum(out);
            for (int64_t in = axis.begin(out); in < axis.end(out); ++in)
                values.push_back(axis.weight(out, in, total));
            offset.push_back(static_cast<int64_t>(values.size()));
        }
    }

    int64_t outputs() const { return static_cast<int64_t>(begin.size()); }
    int64_t first(int64_t out) const { return begin[static_cast<size_t>(out)]; }
    int64_t taps(int64_t out) const {
        return offset[static_cast<size_t>(out) + 1] - offset[static_cast<size_t>(out)];
    }
    const int32_t* of(int64_t out) const { return values.data() + offset[static_cast<size_t>(out)]; }
};

constexpr int64_t turned_rows = 16;  // rows that are resized together

/// Memory for `turned_rows` rows as columns, before and after.
struct TurnedRows {
    std::vector<uint8_t> from, to;
};

}  // namespace
}  // namespace vitrine::cpu
#endif

HWY_BEFORE_NAMESPACE();
namespace vitrine::cpu::HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;

constexpr hn::CappedTag<int32_t, turned_rows> sums_tag;
using Sums = hn::Vec<decltype(sums_tag)>;
constexpr hn::Rebind<uint8_t, decltype(sums_tag)> bytes_tag;

HWY_INLINE HWY_ATTR Sums times(const uint8_t* from, Sums weight) {
    return hn::Mul(hn::PromoteTo(sums_tag, hn::LoadU(bytes_tag, from)), weight);
}

HWY_INLINE HWY_ATTR void store_pixels(Sums sum, uint8_t* to) {
    hn::StoreU(hn::DemoteTo(bytes_tag, hn::ShiftRight<augment::resize_weight_bits>(sum)), bytes_tag, to);
}

using Rows = std::array<const uint8_t*, turned_rows>;

#if HWY_TARGET == HWY_SCALAR

/// Without vectors there is nothing to shuffle.
int64_t turn_blocks(const Rows&, int64_t, uint8_t*) { return 0; }
int64_t turn_blocks_back(const uint8_t*, int64_t, int64_t, uint8_t*) { return 0; }

#else

using Block = std::array<hn::Vec<hn::Full128<uint8_t> >, 16>;

/// Four perfect shuffles of 16 vectors are a transposition of 16 × 16 bytes.
HWY_INLINE HWY_ATTR void transpose(Block& block) {
    const hn::Full128<uint8_t> d;
    for (int round = 0; round < 4; ++round) {
        Block shuffled;
        for (size_t i = 0; i < 8; ++i) {
            shuffled[2 * i] = hn::InterleaveLower(d, block[i], block[i + 8]);
            shuffled[2 * i + 1] = hn::InterleaveUpper(d, block[i], block[i + 8]);
        }
        block = shuffled;
    }
}

/// What turn() does, 16 columns at a time; gives how many it did.
HWY_ATTR int64_t turn_blocks(const Rows& rows, int64_t count, uint8_t* to) {
    const hn::Full128<uint8_t> d;
    int64_t i = 0;
    for (; i + 16 <= count; i += 16) {
        Block block;
        for (size_t r = 0; r < 16; ++r) block[r] = hn::LoadU(d, rows[r] + i);
        transpose(block);
        for (size_t k = 0; k < 16; ++k) hn::StoreU(block[k], d, to + (i + static_cast<int64_t>(k)) * 16);
    }
    return i;
}

HWY_ATTR int64_t turn_blocks_back(const uint8_t* from, int64_t count, int64_t rows, uint8_t* to) {
    const hn::Full128<uint8_t> d;
    int64_t i = 0;
    for (; i + 16 <= count; i += 16) {
        Block block;
        for (size_t k = 0; k < 16; ++k) block[k] = hn::LoadU(d, from + (i + static_cast<int64_t>(k)) * 16);
        transpose(block);
        for (int64_t r = 0; r < rows; ++r) hn::StoreU(block[static_cast<size_t>(r)], d, to + r * count + i);
    }
    return i;
}

#endif

/// 16 rows of `count` bytes become [count, 16].
HWY_ATTR void turn(const Rows& rows, int64_t count, uint8_t* to) {
    for (int64_t i = turn_blocks(rows, count, to); i < count; ++i)
        for (size_t r = 0; r < 16; ++r) to[i * 16 + static_cast<int64_t>(r)] = rows[r][i];
}

/// The inverse, for the first `rows` of 16 rows, which lie one after the other.
HWY_ATTR void turn_back(const uint8_t* from, int64_t count, int64_t rows, uint8_t* to) {
    for (int64_t i = turn_blocks_back(from, count, rows, to); i < count; ++i)
        for (int64_t r = 0; r < rows; ++r) to[r * count + i] = from[i * 16 + r];
}

/// [part.height, part.width] → [part.height, weights.outputs()].
HWY_ATTR void resize_columns(const ImagePart& part, const Weights& weights, TurnedRows& turned, uint8_t* to) {
    const int64_t in_row = part.width * 3, out_row = weights.outputs() * 3;
    turned.from.resize(static_cast<size_t>(in_row * turned_rows));
    turned.to.resize(static_cast<size_t>(out_row * turned_rows));
    for (int64_t y = 0; y < part.height; y += turned_rows) {
        Rows rows;  // behind the last one it again
        for (int64_t r = 0; r < turned_rows; ++r)
            rows[static_cast<size_t>(r)] = part.pixels + std::min(y + r, part.height - 1) * part.stride;
        turn(rows, in_row, turned.from.data());
        for (int64_t x = 0; x < weights.outputs(); ++x) {
            const uint8_t* from = turned.from.data() + weights.first(x) * 3 * turned_rows;
            const int32_t* weight = weights.of(x);
            for (int64_t lane = 0; lane < turned_rows; lane += static_cast<int64_t>(hn::Lanes(sums_tag))) {
                Sums red = hn::Set(sums_tag, augment::resize_one_half), green = red, blue = red;
                const uint8_t* pixel = from + lane;
                for (int64_t k = 0; k < weights.taps(x); ++k, pixel += 3 * turned_rows) {
                    const Sums w = hn::Set(sums_tag, weight[k]);
                    red = hn::Add(red, times(pixel, w));
                    green = hn::Add(green, times(pixel + turned_rows, w));
                    blue = hn::Add(blue, times(pixel + 2 * turned_rows, w));
                }
                uint8_t* out = turned.to.data() + x * 3 * turned_rows + lane;
                store_pixels(red, out);
                store_pixels(green, out + turned_rows);
                store_pixels(blue, out + 2 * turned_rows);
            }
        }
        turn_back(turned.to.data(), out_row, std::min(turned_rows, part.height - y), to + y * out_row);
    }
}

/// Bytes `i` … of the output row whose weights these are, of rows from `from` on.
HWY_INLINE HWY_ATTR Sums column_sums(const uint8_t* from, int64_t stride, const int32_t* weight,
                                     int64_t taps) {
    Sums sum = hn::Set(sums_tag, augment::resize_one_half);
    for (int64_t k = 0; k < taps; ++k, from += stride)
        sum = hn::Add(sum, times(from, hn::Set(sums_tag, weight[k])));
    return sum;
}

/// [part.height, part.width] → [weights.outputs(), part.width].
HWY_ATTR void resize_rows(const ImagePart& part, const Weights& weights, uint8_t* to) {
    const int64_t row = part.width * 3;
    const auto lanes = static_cast<int64_t>(hn::Lanes(sums_tag));
    for (int64_t y = 0; y < weights.outputs(); ++y, to += row) {
        const uint8_t* from = part.pixels + weights.first(y) * part.stride;
        const int32_t* weight = weights.of(y);
        const int64_t taps = weights.taps(y);
        int64_t i = 0;
        for (; i + lanes <= row; i += lanes)
            store_pixels(column_sums(from + i, part.stride, weight, taps), to + i);
        for (; i < row; ++i) {
            int32_t sum = augment::resize_one_half;
            for (int64_t k = 0; k < taps; ++k) sum += from[k * part.stride + i] * weight[k];
            to[i] = augment::resized_pixel(sum);
        }
    }
}

HWY_ATTR void resize_part(const ImagePart& part, uint8_t* to, int64_t height, int64_t width) {
    const ResizeAxis rows{part.height, height}, columns{part.width, width};
    const Weights row_weights(rows), column_weights(columns);
    TurnedRows turned;
    if (augment::resize_rows_first(rows, columns)) {
        std::vector<uint8_t> between(static_cast<size_t>(height * part.width * 3));
        resize_rows(part, row_weights, between.data());
        resize_columns({between.data(), part.width * 3, height, part.width}, column_weights, turned, to);
    } else {
        std::vector<uint8_t> between(static_cast<size_t>(part.height * width * 3));
        resize_columns(part, column_weights, turned, between.data());
        resize_rows({between.data(), width * 3, part.height, width}, row_weights, to);
    }
}

}  // namespace
}  // namespace vitrine::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace vitrine::cpu {
namespace {
HWY_EXPORT(resize_part);
}  // namespace

void resize_box(const ImagePart& part, uint8_t* to, int64_t height, int64_t width) {
    HWY_DYNAMIC_DISPATCH(resize_part)(part, to, height, width);
}

}  // namespace vitrine::cpu
#endif

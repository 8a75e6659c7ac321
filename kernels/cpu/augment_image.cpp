// One image's augmentation program: see augment_image.h.

#include "kernels/cpu/augment_image.h"

#include <algorithm>
#include <cstring>
#include <stdexcept>

#include "kernels/augment_arithmetic.h"
#include "kernels/cpu/augment_resize.h"

namespace vitrine::cpu {
namespace {

using augment::OpCode;
using augment::Pixel;
using augment::Step;

/// Where a move finds the pixel (x, y) of its result, in what it moves.
struct Place {
    int64_t x, y;
};

int64_t floor_or_outside(double position) { return position < 0.0 ? -1 : static_cast<int64_t>(position); }

/// `width` and `height` are those of what is moved. A zoom's places are listed: see write_moved.
Place source_of(const Step& move, Place at, int64_t width, int64_t height) {
    const int32_t* i = move.integers;
    switch (move.op) {
        case OpCode::offset:
            return {at.x + i[0], at.y + i[1]};
        case OpCode::affine:
            return {(i[0] * at.x + i[1] * at.y + i[2]) >> 16, (i[3] * at.x + i[4] * at.y + i[5]) >> 16};
        case OpCode::flip_horizontal:
            return {width - 1 - at.x, at.y};
        case OpCode::flip_vertical:
            return {at.x, height - 1 - at.y};
        case OpCode::turn_left:
            return {width - 1 - at.y, at.x};
        default:  // turn_right
            return {at.y, height - 1 - at.x};
    }
}

/// The column (or row) that each one of a zoom's result comes from; found by adding up, as Pillow does.
std::vector<int64_t> zoom_places(const Step& zoom, bool columns) {
    double position = zoom.reals[columns ? 0 : 2];
    std::vector<int64_t> places(static_cast<size_t>(columns ? zoom.out_width : zoom.out_height));
    for (int64_t& place : places) {
        place = floor_or_outside(position);
        position += zoom.reals[columns ? 1 : 3];
    }
    return places;
}

Pixel pixel_at(const uint8_t* from) { return {from[0], from[1], from[2]}; }

void put(uint8_t* to, Pixel p) {
    to[0] = p.red;
    to[1] = p.green;
    to[2] = p.blue;
}

/// augment::blend in a form that compilers turn into vector instructions. Its cases for the factors 0 and 1
/// say only what the arithmetic gives anyway.
uint8_t blend_without_branches(int degenerate, int image, float factor) {
    const float mixed = static_cast<float>(degenerate) + factor * static_cast<float>(image - degenerate);
    return static_cast<uint8_t>(static_cast<int>(std::min(std::max(mixed, 0.0f), 255.0f)));
}

}  // namespace

void AugmentImage::reset_tables() {
    for (Table& table : tables_)
        for (size_t value = 0; value < table.size(); ++value) table[value] = static_cast<uint8_t>(value);
    has_tables_ = false;
}

template <class F>
void AugmentImage::add_table(F f) {
    for (size_t c = 0; c < 3; ++c) {
        for (uint8_t& value : tables_[c]) value = f(value, c);
        for (size_t m = 0; m < move_count_; ++m) moves_[m].fill[c] = f(moves_[m].fill[c], c);
    }
    has_tables_ = true;
}

void AugmentImage::add_move(const Step& step) {
    if (move_count_ == most_moves) make_whole();
    moves_[move_count_++] = step;
}

uint8_t* AugmentImage::other_area() { return pixels_ == scratch_ ? scratch_ + area_ : scratch_; }

void AugmentImage::make_whole() {
    if (!has_tables_ && move_count_ == 0) return;
    uint8_t* to = other_area();
    write(to);
    const int64_t new_height = height(), new_width = width();
    pixels_ = to;
    height_ = new_height;
    width_ = new_width;
    move_count_ = 0;
    reset_tables();
}

void AugmentImage::finish(uint8_t* to) { write(to); }

void AugmentImage::write(uint8_t* to) const {
    if (move_count_ == 0) return write_table(to);
    const auto mixes_axes = [](const Step& move) {
        return move.op == OpCode::affine || move.op == OpCode::turn_left || move.op == OpCode::turn_right;
    };
    if (std::none_of(moves_.begin(), moves_.begin() + move_count_, mixes_axes)) return write_by_axes(to);
    const bool single_affine = move_count_ == 1 && moves_[0].op == OpCode::affine;
    return single_affine ? write_affine(to) : write_moved(to);
}

void AugmentImage::write_table(uint8_t* to) const {
    const int64_t count = height_ * width_;
    if (!has_tables_) {
        std::memcpy(to, pixels_, static_cast<size_t>(count * 3));
        return;
    }
    for (int64_t i = 0; i < count * 3; i += 3) {
        to[i] = tables_[0][pixels_[i]];
        to[i + 1] = tables_[1][pixels_[i + 1]];
        to[i + 2] = tables_[2][pixels_[i + 2]];
    }
}

/// Coordinates are added up along a row, as Pillow does it: the same integers as by multiplication.
void AugmentImage::write_affine(uint8_t* to) const {
    const Step& move = moves_[0];
    const int32_t* i = move.integers;
    const Pixel fill = pixel_at(move.fill);
    for (int64_t y = 0; y < move.out_height; ++y) {
        int64_t column = i[1] * y + i[2], row = i[4] * y + i[5];
        for (int64_t x = 0; x < move.out_width; ++x, to += 3, column += i[0], row += i[3]) {
            const auto from_x = static_cast<uint64_t>(column >> 16),
                       from_y = static_cast<uint64_t>(row >> 16);
            if (from_x >= static_cast<uint64_t>(width_) || from_y >= static_cast<uint64_t>(height_)) {
                put(to, fill);
                continue;
            }
            const uint8_t* from =
                pixels_ + (static_cast<int64_t>(from_y) * width_ + static_cast<int64_t>(from_x)) * 3;
            put(to, {tables_[0][from[0]], tables_[1][from[1]], tables_[2][from[2]]});
        }
    }
}

std::vector<AugmentImage::Origin> AugmentImage::origins(bool columns) const {
    std::vector<Origin> all(static_cast<size_t>(columns ? width() : height()));
    for (size_t i = 0; i < all.size(); ++i) all[i] = {static_cast<int64_t>(i), -1};
    for (size_t m = move_count_; m-- > 0;) {
        const Step& move = moves_[m];
        const int64_t length = columns ? (m == 0 ? width_ : moves_[m - 1].out_width)
                                       : (m == 0 ? height_ : moves_[m - 1].out_height);
        const std::vector<int64_t> zoomed =
            move.op == OpCode::zoom ? zoom_places(move, columns) : std::vector<int64_t>{};
        for (Origin& origin : all) {
            if (origin.left_by >= 0) continue;
            const Place at = columns ? Place{origin.place, 0} : Place{0, origin.place};
            const Place from = move.op == OpCode::zoom ? at : source_of(move, at, length, length);
            origin.place = move.op == OpCode::zoom ? zoomed[static_cast<size_t>(origin.place)]
                           : columns               ? from.x
                                                   : from.y;
            if (origin.place < 0 || origin.place >= length) origin.left_by = static_cast<int>(m);
        }
    }
    return all;
}

/// Where columns stay columns and rows stay rows, each is followed back once, and a pixel is where they meet.
/// Of moves that lead out of their image, the last one gives the colour.
void AugmentImage::write_by_axes(uint8_t* to) const {
    const std::vector<Origin> columns = origins(true), rows = origins(false);
    for (const Origin& row : rows)
        for (const Origin& column : columns) {
            const int left_by = std::max(row.left_by, column.left_by);
            if (left_by >= 0) {
                put(to, pixel_at(moves_[static_cast<size_t>(left_by)].fill));
            } else {
                const uint8_t* from = pixels_ + (row.place * width_ + column.place) * 3;
                put(to, {tables_[0][from[0]], tables_[1][from[1]], tables_[2][from[2]]});
            }
            to += 3;
        }
}

/// A pixel of the result is followed back through the moves; the first one that leaves its image gives the
/// colour.
void AugmentImage::write_moved(uint8_t* to) const {
    // Sizes of what each move moves.
    std::array<int64_t, most_moves> widths, heights;
    for (size_t m = 0; m < move_count_; ++m) {
        widths[m] = m == 0 ? width_ : moves_[m - 1].out_width;
        heights[m] = m == 0 ? height_ : moves_[m - 1].out_height;
    }
    // Positions of zooms are found by adding up, so they are listed and not found anew for each pixel.
    std::array<std::vector<int64_t>, most_moves> columns, rows;
    for (size_t m = 0; m < move_count_; ++m) {
        if (moves_[m].op != OpCode::zoom) continue;
        columns[m] = zoom_places(moves_[m], true);
        rows[m] = zoom_places(moves_[m], false);
    }
    const int64_t out_height = height(), out_width = width();
    for (int64_t y = 0; y < out_height; ++y)
        for (int64_t x = 0; x < out_width; ++x, to += 3) {
            Place at{x, y};
            const Step* left = nullptr;  // the move that leads out of its image
            for (size_t m = move_count_; m-- > 0 && left == nullptr;) {
                at = moves_[m].op == OpCode::zoom
                         ? Place{columns[m][static_cast<size_t>(at.x)], rows[m][static_cast<size_t>(at.y)]}
                         : source_of(moves_[m], at, widths[m], heights[m]);
                if (at.x < 0 || at.x >= widths[m] || at.y < 0 || at.y >= heights[m]) left = &moves_[m];
            }
            if (left != nullptr) {
                put(to, pixel_at(left->fill));
                continue;
            }
            const uint8_t* from = pixels_ + (at.y * width_ + at.x) * 3;
            put(to, {tables_[0][from[0]], tables_[1][from[1]], tables_[2][from[2]]});
        }
}

std::array<std::array<int32_t, 256>, 3> AugmentImage::histograms() const {
    std::array<std::array<int32_t, 256>, 3> raw{}, counts{};
    const int64_t count = height_ * width_;
    for (int64_t i = 0; i < count * 3; i += 3) {
        ++raw[0][pixels_[i]];
        ++raw[1][pixels_[i + 1]];
        ++raw[2][pixels_[i + 2]];
    }
    for (size_t c = 0; c < 3; ++c)
        for (size_t value = 0; value < 256; ++value) counts[c][tables_[c][value]] += raw[c][value];
    return counts;
}

void AugmentImage::contrast(float factor) {
    if (move_count_ > 0) make_whole();
    const int64_t count = height_ * width_;
    int64_t sum = 0;
    for (int64_t i = 0; i < count * 3; i += 3)
        sum +=
            augment::luma({tables_[0][pixels_[i]], tables_[1][pixels_[i + 1]], tables_[2][pixels_[i + 2]]});
    const uint8_t mean = augment::mean_luma(sum, count);
    add_table([=](uint8_t value, size_t) { return augment::blend(mean, value, factor); });
}

void AugmentImage::autocontrast() {
    if (move_count_ > 0) make_whole();
    const auto counts = histograms();
    std::array<int, 3> low, high;
    for (size_t c = 0; c < 3; ++c) {
        const auto used = [](int32_t n) { return n != 0; };
        low[c] = static_cast<int>(std::ranges::find_if(counts[c], used) - counts[c].begin());
        high[c] = 255;
        while (counts[c][static_cast<size_t>(high[c])] == 0) --high[c];
    }
    add_table([&](uint8_t value, size_t c) { return augment::stretch(value, low[c], high[c]); });
}

void AugmentImage::equalize() {
    if (move_count_ > 0) make_whole();
    const auto counts = histograms();
    std::array<Table, 3> levels;
    for (size_t c = 0; c < 3; ++c) {
        const int64_t step = augment::equalize_step(counts[c].data());
        int64_t below = 0;
        for (size_t value = 0; value < 256; ++value) {
            levels[c][value] = step == 0 ? static_cast<uint8_t>(value) : augment::equalized(below, step);
            below += counts[c][value];
        }
    }
    add_table([&](uint8_t value, size_t c) { return levels[c][value]; });
}

template <class F>
void AugmentImage::map_pixels(F f) {
    make_whole();
    uint8_t* to = other_area();
    const int64_t count = height_ * width_;
    for (int64_t i = 0; i < count * 3; i += 3) put(to + i, f(pixel_at(pixels_ + i)));
    pixels_ = to;
}

/// The border, one pixel wide, is blended with itself.
void AugmentImage::sharpness(float factor) {
    make_whole();
    uint8_t* to = other_area();
    const int64_t row = width_ * 3;
    for (int64_t y = 0; y < height_; ++y) {
        const uint8_t* here = pixels_ + y * row;
        uint8_t* out = to + y * row;
        if (y == 0 || y + 1 == height_ || width_ < 3) {
            for (int64_t i = 0; i < row; ++i) out[i] = augment::blend(here[i], here[i], factor);
            continue;
        }
        const uint8_t *above = here - row, *below = here + row;
        for (int64_t i = 0; i < 3; ++i) out[i] = augment::blend(here[i], here[i], factor);
        for (int64_t i = 3; i < row - 3; ++i) {
            const int weighted = above[i - 3] + above[i] + above[i + 3] + here[i - 3] + 5 * here[i] +
                                 here[i + 3] + below[i - 3] + below[i] + below[i + 3];
            out[i] = blend_without_branches(augment::smooth(weighted), here[i], factor);
        }
        for (int64_t i = row - 3; i < row; ++i) out[i] = augment::blend(here[i], here[i], factor);
    }
    pixels_ = to;
}

void AugmentImage::resize(const Step& step) {
    make_whole();
    uint8_t* to = other_area();
    const int32_t* box = step.integers;
    resize_box({pixels_ + (box[1] * width_ + box[0]) * 3, width_ * 3, box[3], box[2]}, to, step.out_height,
               step.out_width);
    pixels_ = to;
    height_ = step.out_height;
    width_ = step.out_width;
}

void AugmentImage::apply(const Step& step) {
    const float factor = static_cast<float>(step.reals[0]);
    switch (step.op) {
        case OpCode::resize:
            return resize(step);
        case OpCode::offset:
        case OpCode::affine:
        case OpCode::zoom:
        case OpCode::flip_horizontal:
        case OpCode::flip_vertical:
        case OpCode::turn_left:
        case OpCode::turn_right:
            return add_move(step);
        case OpCode::brightness:
            return add_table([=](uint8_t v, size_t) { return augment::blend(0, v, factor); });
        case OpCode::contrast:
            return contrast(factor);
        case OpCode::saturation:
            return map_pixels([=](Pixel p) {
                const uint8_t gray = augment::luma(p);
                return Pixel{augment::blend(gray, p.red, factor), augment::blend(gray, p.green, factor),
                             augment::blend(gray, p.blue, factor)};
            });
        case OpCode::sharpness:
            return sharpness(factor);
        case OpCode::hue:
            return map_pixels(
                [&](Pixel p) { return augment::turn_hue(p, static_cast<uint8_t>(step.integers[0])); });
        case OpCode::grayscale:
            return map_pixels([](Pixel p) {
                const uint8_t gray = augment::luma(p);
                return Pixel{gray, gray, gray};
            });
        case OpCode::posterize:
            return add_table([&](uint8_t v, size_t) { return augment::posterize(v, step.integers[0]); });
        case OpCode::solarize:
            return add_table([&](uint8_t v, size_t) { return augment::solarize(v, step.reals[0]); });
        case OpCode::invert:
            return add_table([](uint8_t v, size_t) { return static_cast<uint8_t>(255 - v); });
        case OpCode::autocontrast:
            return autocontrast();
        case OpCode::equalize:
            return equalize();
    }
    throw std::logic_error("unknown augmentation op");
}

}  // namespace vitrine::cpu

// One step of an augmentation program: see augment_step.h.

#include "kernels/reference/augment_step.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "kernels/augment_arithmetic.h"
#include "kernels/augment_resize.h"

namespace vitrine::reference {
namespace {

using augment::OpCode;
using augment::Pixel;
using augment::Step;

Pixel at(const AugmentImage& image, int64_t x, int64_t y) {
    const uint8_t* pixel = image.pixels.data() + (y * image.width + x) * 3;
    return {pixel[0], pixel[1], pixel[2]};
}

AugmentImage blank(int64_t height, int64_t width) {
    return {height, width, std::vector<uint8_t>(static_cast<size_t>(height * width * 3))};
}

void put(AugmentImage& image, int64_t x, int64_t y, Pixel value) {
    uint8_t* pixel = image.pixels.data() + (y * image.width + x) * 3;
    pixel[0] = value.red;
    pixel[1] = value.green;
    pixel[2] = value.blue;
}

/// out(x, y) = in(source(x, y)), or the fill colour outside of the image. source returns {column, row}.
template <class Source>
AugmentImage gather(const AugmentImage& image, const Step& step, Source source) {
    AugmentImage out = blank(step.out_height, step.out_width);
    const Pixel fill{step.fill[0], step.fill[1], step.fill[2]};
    for (int64_t y = 0; y < out.height; ++y)
        for (int64_t x = 0; x < out.width; ++x) {
            const auto [column, row] = source(x, y);
            const bool inside = column >= 0 && column < image.width && row >= 0 && row < image.height;
            put(out, x, y, inside ? at(image, column, row) : fill);
        }
    return out;
}

struct Place {
    int64_t column, row;
};

AugmentImage affine(const AugmentImage& image, const Step& step) {
    const int32_t* i = step.integers;
    return gather(image, step, [&](int64_t x, int64_t y) {
        return Place{(i[0] * x + i[1] * y + i[2]) >> 16, (i[3] * x + i[4] * y + i[5]) >> 16};
    });
}

/// ⌊position⌋ where it is not negative, as Pillow's COORD.
int64_t floor_or_outside(double position) { return position < 0.0 ? -1 : static_cast<int64_t>(position); }

/// Positions are added up step by step, whose rounding shows.
std::vector<int64_t> zoomed(double start, double step, int64_t count) {
    std::vector<int64_t> places;
    for (int64_t i = 0; i < count; ++i, start += step) places.push_back(floor_or_outside(start));
    return places;
}

AugmentImage zoom(const AugmentImage& image, const Step& step) {
    const std::vector<int64_t> columns = zoomed(step.reals[0], step.reals[1], step.out_width);
    const std::vector<int64_t> rows = zoomed(step.reals[2], step.reals[3], step.out_height);
    return gather(image, step, [&](int64_t x, int64_t y) {
        return Place{columns[static_cast<size_t>(x)], rows[static_cast<size_t>(y)]};
    });
}

/// out(x, y) = f(in(x, y)).
template <class F>
AugmentImage map_pixels(AugmentImage image, F f) {
    for (int64_t y = 0; y < image.height; ++y)
        for (int64_t x = 0; x < image.width; ++x) put(image, x, y, f(at(image, x, y)));
    return image;
}

/// Each value by itself: f(value, channel).
template <class F>
AugmentImage map_values(AugmentImage image, F f) {
    for (size_t i = 0; i < image.pixels.size(); ++i)
        image.pixels[i] = f(image.pixels[i], static_cast<int>(i % 3));
    return image;
}

AugmentImage blend_all(AugmentImage image, uint8_t degenerate, float factor) {
    return map_values(std::move(image),
                      [=](uint8_t value, int) { return augment::blend(degenerate, value, factor); });
}

AugmentImage contrast(const AugmentImage& image, float factor) {
    int64_t sum = 0;
    for (int64_t y = 0; y < image.height; ++y)
        for (int64_t x = 0; x < image.width; ++x) sum += augment::luma(at(image, x, y));
    return blend_all(image, augment::mean_luma(sum, image.height * image.width), factor);
}

AugmentImage saturation(const AugmentImage& image, float factor) {
    return map_pixels(image, [=](Pixel p) {
        const uint8_t gray = augment::luma(p);
        return Pixel{augment::blend(gray, p.red, factor), augment::blend(gray, p.green, factor),
                     augment::blend(gray, p.blue, factor)};
    });
}

/// The border, one pixel wide, is left as it is.
AugmentImage smoothed(const AugmentImage& image) {
    AugmentImage out = image;
    const auto value = [&](int64_t x, int64_t y, int64_t c) {
        return int{image.pixels[static_cast<size_t>((y * image.width + x) * 3 + c)]};
    };
    for (int64_t y = 1; y + 1 < image.height; ++y)
        for (int64_t x = 1; x + 1 < image.width; ++x)
            for (int64_t c = 0; c < 3; ++c) {
                int weighted = 4 * value(x, y, c);
                for (int64_t i = -1; i <= 1; ++i)
                    for (int64_t j = -1; j <= 1; ++j) weighted += value(x + j, y + i, c);
                out.pixels[static_cast<size_t>((y * image.width + x) * 3 + c)] = augment::smooth(weighted);
            }
    return out;
}

AugmentImage sharpness(const AugmentImage& image, float factor) {
    AugmentImage out = smoothed(image);
    for (size_t i = 0; i < out.pixels.size(); ++i)
        out.pixels[i] = augment::blend(out.pixels[i], image.pixels[i], factor);
    return out;
}

struct Histograms {
    int32_t count[3][256] = {};

    explicit Histograms(const AugmentImage& image) {
        for (size_t i = 0; i < image.pixels.size(); ++i) ++count[i % 3][image.pixels[i]];
    }
};

AugmentImage autocontrast(const AugmentImage& image) {
    const Histograms histograms(image);
    int low[3], high[3];
    for (int c = 0; c < 3; ++c) {
        const int32_t* count = histograms.count[c];
        low[c] = static_cast<int>(std::find_if(count, count + 256, [](int32_t n) { return n != 0; }) - count);
        high[c] = 255;
        while (count[high[c]] == 0) --high[c];
    }
    return map_values(image, [&](uint8_t value, int c) { return augment::stretch(value, low[c], high[c]); });
}

AugmentImage equalize(const AugmentImage& image) {
    const Histograms histograms(image);
    int64_t step[3], below[3][256];
    for (int c = 0; c < 3; ++c) {
        step[c] = augment::equalize_step(histograms.count[c]);
        int64_t sum = 0;
        for (int value = 0; value < 256; ++value) {
            below[c][value] = sum;
            sum += histograms.count[c][value];
        }
    }
    return map_values(image, [&](uint8_t value, int c) {
        return step[c] == 0 ? value : augment::equalized(below[c][value], step[c]);
    });
}

/// One axis of an image resampled: `length` is that of the axis, `stride` the distance of its neighbours.
uint8_t resampled(const uint8_t* first, int64_t stride, const augment::ResizeAxis& axis, int64_t out) {
    const double total = axis.sum(out);
    int32_t sum = augment::resize_one_half;
    for (int64_t in = axis.begin(out); in < axis.end(out); ++in)
        sum += first[in * stride] * axis.weight(out, in, total);
    return augment::resized_pixel(sum);
}

AugmentImage resize_columns(const AugmentImage& image, const augment::ResizeAxis& axis) {
    AugmentImage out = blank(image.height, axis.output);
    for (int64_t y = 0; y < out.height; ++y)
        for (int64_t x = 0; x < out.width; ++x)
            for (int64_t c = 0; c < 3; ++c)
                out.pixels[static_cast<size_t>((y * out.width + x) * 3 + c)] =
                    resampled(image.pixels.data() + y * image.width * 3 + c, 3, axis, x);
    return out;
}

AugmentImage resize_rows(const AugmentImage& image, const augment::ResizeAxis& axis) {
    AugmentImage out = blank(axis.output, image.width);
    const int64_t row = image.width * 3;
    for (int64_t y = 0; y < out.height; ++y)
        for (int64_t i = 0; i < row; ++i)
            out.pixels[static_cast<size_t>(y * row + i)] = resampled(image.pixels.data() + i, row, axis, y);
    return out;
}

AugmentImage cropped(const AugmentImage& image, const int32_t* box) {
    if (box[0] < 0 || box[1] < 0 || box[2] < 1 || box[3] < 1 || box[0] + box[2] > image.width ||
        box[1] + box[3] > image.height) {
        throw std::logic_error("resize: the box is not inside of the image");
    }
    AugmentImage out = blank(box[3], box[2]);
    for (int64_t y = 0; y < out.height; ++y)
        for (int64_t x = 0; x < out.width; ++x) put(out, x, y, at(image, x + box[0], y + box[1]));
    return out;
}

AugmentImage resize(const AugmentImage& image, const Step& step) {
    const AugmentImage part = cropped(image, step.integers);
    const augment::ResizeAxis rows{part.height, step.out_height}, columns{part.width, step.out_width};
    return augment::resize_rows_first(rows, columns) ? resize_columns(resize_rows(part, rows), columns)
                                                     : resize_rows(resize_columns(part, columns), rows);
}

void require_square(const AugmentImage& image) {
    if (image.height != image.width) throw std::logic_error("a quarter turn of an image that is not square");
}

}  // namespace

AugmentImage apply(const Step& step, const AugmentImage& image) {
    const int64_t right = image.width - 1, bottom = image.height - 1;
    const float factor = static_cast<float>(step.reals[0]);
    switch (step.op) {
        case OpCode::resize:
            return resize(image, step);
        case OpCode::offset:
            return gather(image, step, [&](int64_t x, int64_t y) {
                return Place{x + step.integers[0], y + step.integers[1]};
            });
        case OpCode::affine:
            return affine(image, step);
        case OpCode::zoom:
            return zoom(image, step);
        case OpCode::flip_horizontal:
            return gather(image, step, [&](int64_t x, int64_t y) { return Place{right - x, y}; });
        case OpCode::flip_vertical:
            return gather(image, step, [&](int64_t x, int64_t y) { return Place{x, bottom - y}; });
        case OpCode::turn_left:
            require_square(image);
            return gather(image, step, [&](int64_t x, int64_t y) { return Place{right - y, x}; });
        case OpCode::turn_right:
            require_square(image);
            return gather(image, step, [&](int64_t x, int64_t y) { return Place{y, bottom - x}; });
        case OpCode::brightness:
            return blend_all(image, 0, factor);
        case OpCode::contrast:
            return contrast(image, factor);
        case OpCode::saturation:
            return saturation(image, factor);
        case OpCode::sharpness:
            return sharpness(image, factor);
        case OpCode::hue:
            return map_pixels(
                image, [&](Pixel p) { return augment::turn_hue(p, static_cast<uint8_t>(step.integers[0])); });
        case OpCode::grayscale:
            return map_pixels(image, [](Pixel p) {
                const uint8_t gray = augment::luma(p);
                return Pixel{gray, gray, gray};
            });
        case OpCode::posterize:
            return map_values(image, [&](uint8_t v, int) { return augment::posterize(v, step.integers[0]); });
        case OpCode::solarize:
            return map_values(image, [&](uint8_t v, int) { return augment::solarize(v, step.reals[0]); });
        case OpCode::invert:
            return map_values(image, [](uint8_t v, int) { return static_cast<uint8_t>(255 - v); });
        case OpCode::autocontrast:
            return autocontrast(image);
        case OpCode::equalize:
            return equalize(image);
    }
    throw std::logic_error("unknown augmentation op");
}

}  // namespace vitrine::reference

// The pixels that a value of the augmented image is made of: see source_pixels.h.

#include "lab/inspect/terms/source_pixels.h"

#include <fmt/format.h>

#include <cmath>
#include <optional>
#include <stdexcept>
#include <utility>

#include "kernels/augment_resize.h"

namespace vitrine::inspect {
namespace {

using augment::OpCode;
using augment::Step;

const char* name_of(OpCode op) {
    switch (op) {
        case OpCode::resize:
            return "resize";
        case OpCode::offset:
            return "offset";
        case OpCode::affine:
            return "affine";
        case OpCode::zoom:
            return "zoom";
        case OpCode::flip_horizontal:
            return "flip_horizontal";
        case OpCode::flip_vertical:
            return "flip_vertical";
        case OpCode::turn_left:
            return "turn_left";
        case OpCode::turn_right:
            return "turn_right";
        case OpCode::brightness:
            return "brightness";
        case OpCode::contrast:
            return "contrast";
        case OpCode::saturation:
            return "saturation";
        case OpCode::sharpness:
            return "sharpness";
        case OpCode::hue:
            return "hue";
        case OpCode::grayscale:
            return "grayscale";
        case OpCode::posterize:
            return "posterize";
        case OpCode::solarize:
            return "solarize";
        case OpCode::invert:
            return "invert";
        case OpCode::autocontrast:
            return "autocontrast";
        case OpCode::equalize:
            return "equalize";
    }
    throw std::logic_error("unknown augmentation op");
}

bool is_geometry(OpCode op) { return op <= OpCode::turn_right; }

std::string text_of(const Step& step) {
    const int32_t* i = step.integers;
    if (step.op == OpCode::resize)
        return fmt::format("resize of the {}×{} at row {}, column {} to {}×{}", i[2], i[3], i[1], i[0],
                           step.out_width, step.out_height);
    if (step.op == OpCode::offset)
        return fmt::format("{}×{} from row {}, column {} on", step.out_width, step.out_height, i[1], i[0]);
    return name_of(step.op);
}

/// Where Pillow's sums of steps end: added up one by one, since their rounding shows.
double added_up(double start, double step, int64_t times) {
    for (int64_t i = 0; i < times; ++i) start += step;
    return start;
}

int64_t floor_or_outside(double position) { return position < 0.0 ? -1 : static_cast<int64_t>(position); }

struct Place {
    int64_t x, y;
};

/// Of a step that takes one pixel: which one of an image of this size, perhaps outside of it.
Place source_of(const Step& step, int64_t x, int64_t y, int64_t width, int64_t height) {
    const int32_t* i = step.integers;
    const double* r = step.reals;
    switch (step.op) {
        case OpCode::offset:
            return {x + i[0], y + i[1]};
        case OpCode::affine:
            return {(i[0] * x + i[1] * y + i[2]) >> 16, (i[3] * x + i[4] * y + i[5]) >> 16};
        case OpCode::zoom:
            return {floor_or_outside(added_up(r[0], r[1], x)), floor_or_outside(added_up(r[2], r[3], y))};
        case OpCode::flip_horizontal:
            return {width - 1 - x, y};
        case OpCode::flip_vertical:
            return {x, height - 1 - y};
        case OpCode::turn_left:
            return {width - 1 - y, x};
        case OpCode::turn_right:
            return {y, height - 1 - x};
        default:
            throw std::logic_error("no step that takes one pixel");
    }
}

/// The weighted mean along an axis: visit(pixel, weight) returns a level; what the mean is rounded by becomes a term.
template <class Visit>
int mean_along(const augment::ResizeAxis& axis, int64_t out, double share, std::vector<PixelTerm>& terms,
               Visit visit) {
    constexpr double one = 1 << augment::resize_weight_bits;
    const double total = axis.sum(out);
    double mean = 0.0;
    for (int64_t in = axis.begin(out); in < axis.end(out); ++in) {
        const double weight = axis.weight(out, in, total) / one;
        if (weight != 0.0) mean += weight * visit(in, weight);
    }
    const double rounded = std::floor(mean + 0.5);  // a sum of multiples of 2⁻²²: exact in f64
    if (rounded != mean)
        terms.push_back({PixelTerm::Kind::rounding, share, rounded - mean,
                         fmt::format("{:.6g} to {:.0f}", mean, rounded)});
    return static_cast<int>(rounded);
}

}  // namespace

SourcePixels::SourcePixels(reference::AugmentImage image, std::span<const Step> program)
    : image_(std::move(image)) {
    size_t first = 0;  // step that has terms
    for (size_t i = 0; i < program.size(); ++i) {
        text_ += (i > 0 ? ", " : "") + text_of(program[i]);
        if (is_geometry(program[i].op)) continue;
        first = i + 1;
        begins_after_ = name_of(program[i].op);
    }
    for (size_t i = 0; i < first; ++i) image_ = reference::apply(program[i], image_);
    steps_.assign(program.begin() + static_cast<std::ptrdiff_t>(first), program.end());
    widths_.push_back(image_.width);
    heights_.push_back(image_.height);
    for (const Step& step : steps_) {
        widths_.push_back(step.out_width);
        heights_.push_back(step.out_height);
    }
}

int SourcePixels::terms_of(int64_t x, int64_t y, int colour, std::vector<PixelTerm>& terms) const {
    return walk(steps_.size(), x, y, colour, 1.0, terms);
}

int SourcePixels::walk(size_t step, int64_t x, int64_t y, int colour, double share,
                       std::vector<PixelTerm>& terms) const {
    if (step == 0) {
        const int level = image_.pixels.at(static_cast<size_t>((y * image_.width + x) * 3 + colour));
        terms.push_back({PixelTerm::Kind::pixel, share, static_cast<double>(level),
                         fmt::format("{},{},{}", y, x, colour)});
        return level;
    }
    const Step& last = steps_[step - 1];
    if (last.op == OpCode::resize) return walk_resize(step, x, y, colour, share, terms);
    const int64_t width = widths_[step - 1], height = heights_[step - 1];
    const Place source = source_of(last, x, y, width, height);
    if (source.x >= 0 && source.x < width && source.y >= 0 && source.y < height)
        return walk(step - 1, source.x, source.y, colour, share, terms);
    const int fill = last.fill[colour];
    terms.push_back({PixelTerm::Kind::fill, share, static_cast<double>(fill), ""});
    return fill;
}

int SourcePixels::walk_resize(size_t step, int64_t x, int64_t y, int colour, double share,
                              std::vector<PixelTerm>& terms) const {
    const Step& last = steps_[step - 1];
    const int32_t* box = last.integers;
    const augment::ResizeAxis rows{box[3], last.out_height}, columns{box[2], last.out_width};
    const auto pixel = [&](int64_t column, int64_t row, double its_share) {
        return walk(step - 1, column + box[0], row + box[1], colour, its_share, terms);
    };
    if (augment::resize_rows_first(rows, columns))
        return mean_along(columns, x, share, terms, [&](int64_t column, double weight) {
            return mean_along(rows, y, share * weight, terms, [&](int64_t row, double inner) {
                return pixel(column, row, share * weight * inner);
            });
        });
    return mean_along(rows, y, share, terms, [&](int64_t row, double weight) {
        return mean_along(columns, x, share * weight, terms, [&](int64_t column, double inner) {
            return pixel(column, row, share * weight * inner);
        });
    });
}

}  // namespace vitrine::inspect

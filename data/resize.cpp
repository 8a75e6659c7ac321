// Two-pass antialiased resampling in fixed point: see resize.h.

#include "data/resize.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "engine/augment.h"

namespace vitrine {
namespace {

constexpr int64_t channels = 3;

/// The outputs first … first+count-1 of a side that is resized to `full` pixels: a crop costs only what it
/// keeps.
struct Window {
    int64_t full = 0;
    int64_t first = 0;
    int64_t count = 0;
};

/// For each output position the first input position and the weights from there on, `taps` entries apart.
struct Weights {
    int64_t taps = 0;
    std::vector<int64_t> first;
    std::vector<int64_t> count;
    std::vector<int32_t> values;
};

/// Where the side keeps its length the weights are exactly one and copy the pixels.
Weights triangle_weights(int64_t input, const Window& output) {
    const augment::ResizeAxis axis{input, output.full};
    Weights weights;
    weights.taps = 2 * static_cast<int64_t>(std::ceil(axis.support())) + 1;
    weights.values.assign(static_cast<size_t>(output.count * weights.taps), 0);
    for (int64_t i = 0; i < output.count; ++i) {
        const int64_t out = output.first + i, begin = axis.begin(out), end = axis.end(out);
        const double sum = axis.sum(out);
        for (int64_t in = begin; in < end; ++in)
            weights.values[static_cast<size_t>(i * weights.taps + in - begin)] = axis.weight(out, in, sum);
        weights.first.push_back(begin);
        weights.count.push_back(end - begin);
    }
    return weights;
}

/// Pixels inside a larger image: rows are `stride` bytes apart.
struct View {
    const uint8_t* pixels;
    int64_t stride;
    int64_t height;
    int64_t width;
};

View view_of(const Image& image) {
    return {image.pixels.data(), channels * image.width, image.height, image.width};
}

/// The part of a side that the outputs are made of: input positions from first() on.
struct Extent {
    explicit Extent(const Weights& weights)
        : first(weights.first.front()), count(weights.first.back() + weights.count.back() - first) {}
    int64_t first;
    int64_t count;
};

/// `source` begins at the first column that the weights touch.
Image resample_columns(const View& source, const Weights& weights) {
    const auto width = static_cast<int64_t>(weights.first.size());
    Image result{source.height, width,
                 std::vector<uint8_t>(static_cast<size_t>(channels * source.height * width))};
    uint8_t* target = result.pixels.data();
    for (int64_t y = 0; y < source.height; ++y) {
        const uint8_t* row = source.pixels + y * source.stride;
        for (int64_t x = 0; x < width; ++x, target += channels) {
            const uint8_t* pixel =
                row + channels * (weights.first[static_cast<size_t>(x)] - weights.first.front());
            const int32_t* weight = weights.values.data() + x * weights.taps;
            int32_t red = augment::resize_one_half, green = augment::resize_one_half,
                    blue = augment::resize_one_half;
            for (int64_t k = 0; k < weights.count[static_cast<size_t>(x)]; ++k, pixel += channels) {
                red += pixel[0] * weight[k];
                green += pixel[1] * weight[k];
                blue += pixel[2] * weight[k];
            }
            target[0] = augment::resized_pixel(red);
            target[1] = augment::resized_pixel(green);
            target[2] = augment::resized_pixel(blue);
        }
    }
    return result;
}

/// `source` begins at the first row that the weights touch.
Image resample_rows(const View& source, const Weights& weights) {
    const auto height = static_cast<int64_t>(weights.first.size());
    const int64_t row_bytes = channels * source.width;
    Image result{height, source.width, std::vector<uint8_t>(static_cast<size_t>(height * row_bytes))};
    std::vector<int32_t> sums(static_cast<size_t>(row_bytes));
    for (int64_t y = 0; y < height; ++y) {
        std::fill(sums.begin(), sums.end(), augment::resize_one_half);
        const int64_t first = weights.first[static_cast<size_t>(y)] - weights.first.front();
        for (int64_t k = 0; k < weights.count[static_cast<size_t>(y)]; ++k) {
            const uint8_t* row = source.pixels + (first + k) * source.stride;
            const int32_t weight = weights.values[static_cast<size_t>(y * weights.taps + k)];
            for (size_t x = 0; x < sums.size(); ++x) sums[x] += row[x] * weight;
        }
        std::transform(sums.begin(), sums.end(), result.pixels.begin() + y * row_bytes,
                       augment::resized_pixel);
    }
    return result;
}

Image resample(const Image& image, const Window& rows, const Window& columns) {
    const Weights row_weights = triangle_weights(image.height, rows);
    const Weights column_weights = triangle_weights(image.width, columns);
    const Extent used_rows(row_weights), used_columns(column_weights);
    View used = view_of(image);
    used.pixels += used_rows.first * used.stride + channels * used_columns.first;
    used.height = used_rows.count;
    used.width = used_columns.count;
    if (augment::resize_rows_first({image.height, rows.full}, {image.width, columns.full})) {
        return resample_columns(view_of(resample_rows(used, row_weights)), column_weights);
    }
    return resample_rows(view_of(resample_columns(used, column_weights)), row_weights);
}

/// The middle `size` outputs of a side that is resized to `full`.
Window centre_window(int64_t full, int64_t size) {
    return {full, static_cast<int64_t>(std::nearbyint(static_cast<double>(full - size) / 2.0)), size};
}

int64_t scaled_longer_side(const Image& image, int64_t size) {
    const auto [shorter, longer] = std::minmax(image.height, image.width);
    return longer_side(shorter, longer, size);
}

/// A copy without the share of the decoding memory.
Image pixels_of(const Image& image) { return {image.height, image.width, image.pixels}; }

}  // namespace

Image resize(const Image& image, int64_t height, int64_t width) {
    if (height < 1 || width < 1) throw std::logic_error("resize: the target needs at least one pixel");
    if (width == image.width && height == image.height) return pixels_of(image);
    return resample(image, {height, 0, height}, {width, 0, width});
}

int64_t longer_side(int64_t shorter, int64_t longer, int64_t size) {
    return static_cast<int64_t>(static_cast<double>(size * longer) / static_cast<double>(shorter));
}

Image resize_shorter_side(const Image& image, int64_t size) {
    const int64_t longer = scaled_longer_side(image, size);
    return image.width <= image.height ? resize(image, longer, size) : resize(image, size, longer);
}

Image resize_and_crop(const Image& image, int64_t size) {
    if (size < 1) throw std::logic_error("resize_and_crop: the target needs at least one pixel");
    if (image.height == size && image.width == size) return pixels_of(image);
    const int64_t longer = scaled_longer_side(image, size);
    const bool upright = image.width <= image.height;
    return resample(image, centre_window(upright ? longer : size, size),
                    centre_window(upright ? size : longer, size));
}

}  // namespace vitrine

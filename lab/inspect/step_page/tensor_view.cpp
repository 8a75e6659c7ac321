// What a page shows of a tensor: see tensor_view.h.

#include "lab/inspect/step_page/tensor_view.h"

#include <algorithm>
#include <cmath>
#include <span>

#include "engine/random.h"
#include "lab/inspect/step_page/gray_png.h"
#include "lab/inspect/step_page/host_values.h"

namespace vitrine::inspect {
namespace {

constexpr int64_t bins = 40;
constexpr int64_t most_exact = 320;  // elements that are all given with their values
constexpr int64_t widest = 256;      // cells of a matrix
constexpr int64_t tile = 20;         // cells on the side of a large image's tile
constexpr int64_t random_pins = 4;
constexpr double wide = 4.0;  // deviations from the mean that the picture's range holds

template <class T>
void count(std::span<const T> values, TensorView& view) {
    double sum = 0.0, squares = 0.0;
    int64_t finite = 0;
    for (const double value : values) {
        view.zeros += value == 0.0;
        view.sixes += value == 6.0;
        if (!std::isfinite(value)) continue;
        if (finite++ == 0) view.low = view.high = value;
        view.low = std::min(view.low, value);
        view.high = std::max(view.high, value);
        sum += value;
        squares += value * value;
    }
    view.not_finite = std::ssize(values) - finite;
    if (finite == 0) return;
    view.mean = sum / static_cast<double>(finite);
    view.norm = std::sqrt(squares);
    double deviations = 0.0;
    for (const double value : values) {
        if (std::isfinite(value)) deviations += (value - view.mean) * (value - view.mean);
    }
    view.deviation = std::sqrt(deviations / static_cast<double>(finite));
}

template <class T>
void fill_histogram(std::span<const T> values, TensorView& view) {
    view.histogram.assign(bins, 0);
    const double width = (view.high - view.low) / static_cast<double>(bins);
    for (const double value : values) {
        if (!std::isfinite(value)) continue;
        const auto bin = width > 0.0 ? static_cast<int64_t>((value - view.low) / width) : 0;
        ++view.histogram[static_cast<size_t>(std::clamp<int64_t>(bin, 0, bins - 1))];
    }
}

template <class T>
void draw(std::span<const T> values, TensorView& view) {
    const double reach = wide * view.deviation;
    view.shown_low = std::max(view.low, view.mean - reach);
    view.shown_high = std::min(view.high, view.mean + reach);
    const double range = view.shown_high - view.shown_low;
    const auto& [image, channel, row, column] = view.layout;
    const int64_t width = channel.shown * column.shown, height = image.shown * row.shown;
    std::vector<uint8_t> pixels(static_cast<size_t>(width * height));
    size_t pixel = 0;
    for (int64_t y = 0; y < height; ++y) {
        const int64_t line =
            image.place(y / row.shown) * image.stride + row.place(y % row.shown) * row.stride;
        for (int64_t x = 0; x < width; ++x, ++pixel) {
            const double value =
                values[static_cast<size_t>(line + channel.place(x / column.shown) * channel.stride +
                                           column.place(x % column.shown) * column.stride)];
            const double share = range > 0.0 ? (value - view.shown_low) / range : 0.0;
            pixels[pixel] = std::isfinite(value)
                                ? static_cast<uint8_t>(std::lround(254.0 * std::clamp(share, 0.0, 1.0)))
                                : uint8_t{255};
        }
    }
    view.picture = gray_png(pixels, width, height);
}

template <class T>
void pin(std::span<const T> values, TensorView& view) {
    if (values.empty()) return;
    const auto at = [&](auto place) { return static_cast<int64_t>(place - values.begin()); };
    const int64_t largest = at(std::ranges::max_element(values)),
                  smallest = at(std::ranges::min_element(values));
    view.pins.push_back({largest, static_cast<double>(values[static_cast<size_t>(largest)]), "largest"});
    view.pins.push_back({smallest, static_cast<double>(values[static_cast<size_t>(smallest)]), "smallest"});
    const RandomKey key{.seed = static_cast<uint64_t>(values.size()), .purpose = RandomPurpose::test};
    for (int64_t i = 0; i < random_pins; ++i) {
        const auto index = static_cast<size_t>(random_word(key, static_cast<uint64_t>(i))) % values.size();
        view.pins.push_back({static_cast<int64_t>(index), static_cast<double>(values[index]), "random"});
    }
}

/// A matrix, wide ones by a sample of their rows and columns.
Layout of_matrix(int64_t rows, int64_t columns, int first_axis) {
    return {.row = {rows, columns, std::min(rows, widest), first_axis},
            .column = {columns, 1, std::min(columns, widest), first_axis + 1}};
}

Layout of_images(const Shape& shape, int64_t cells) {
    const int64_t images = shape[0], height = shape[1], width = shape[2], channels = shape[3];
    const int64_t high = std::min(height, tile), broad = std::min(width, tile);
    const int64_t room = std::max<int64_t>(cells / (images * high * broad), 1);
    return {.image = {images, height * width * channels, images, 0},
            .channel = {channels, 1, std::min(channels, room), 3},
            .row = {height, width * channels, high, 1},
            .column = {width, channels, broad, 2}};
}

Layout of_dense_weight(const Shape& shape, int64_t cells) {
    const int64_t outputs = shape[0], height = shape[1], width = shape[2], inputs = shape[3];
    const int64_t shown_inputs = std::min<int64_t>(inputs, 8);
    const int64_t room = std::max<int64_t>(cells / (shown_inputs * height * width), 1);
    return {.image = {inputs, 1, shown_inputs, 3},
            .channel = {outputs, height * width * inputs, std::min(outputs, room), 0},
            .row = {height, width * inputs, height, 1},
            .column = {width, inputs, width, 2}};
}

}  // namespace

Layout layout_of(const Shape& shape, bool is_weight, int64_t cells) {
    switch (shape.rank()) {
        case 4:
            return is_weight ? of_dense_weight(shape, cells) : of_images(shape, cells);
        case 3: {  // of a depthwise convolution
            const int64_t area = shape[0] * shape[1];
            return {.channel = {shape[2], 1, std::min(shape[2], std::max<int64_t>(cells / area, 1)), 2},
                    .row = {shape[0], shape[1] * shape[2], shape[0], 0},
                    .column = {shape[1], shape[2], shape[1], 1}};
        }
        case 2:
            return of_matrix(shape[0], shape[1], 0);
        default:
            return {
                .column = {shape.count(), 1, std::min(shape.count(), widest), shape.rank() == 0 ? -1 : 0}};
    }
}

TensorView view_of(const Tensor& tensor, bool is_weight, int64_t cells) {
    TensorView view{.shape = tensor.shape(), .bytes = static_cast<double>(tensor.bytes())};
    view.layout = layout_of(tensor.shape(), is_weight, cells);
    with_values(tensor, [&](auto values) {
        count(values, view);
        fill_histogram(values, view);
        draw(values, view);
        pin(values, view);
        if (std::ssize(values) <= most_exact) view.exact.assign(values.begin(), values.end());
    });
    return view;
}

}  // namespace vitrine::inspect

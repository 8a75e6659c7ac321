// Keeping images as a data set asks for: see keeping.h.

#include "data/keeping.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <stdexcept>

#include "data/resize.h"

namespace vitrine {
namespace {

constexpr std::array shapes = {ImageShape::square, ImageShape::aspect, ImageShape::original};

ImageSize with_shorter_side(const ImageSize& size, int64_t side) {
    const auto [shorter, longer] = std::minmax(size.height, size.width);
    const int64_t other = longer_side(shorter, longer, side);
    return size.width <= size.height ? ImageSize{side, other} : ImageSize{other, side};
}

}  // namespace

const char* name_of(ImageShape shape) {
    switch (shape) {
        case ImageShape::square:
            return "square";
        case ImageShape::aspect:
            return "aspect";
        case ImageShape::original:
            return "original";
    }
    return "";
}

std::optional<ImageShape> image_shape_of(std::string_view name) {
    const auto found =
        std::ranges::find(shapes, name, [](ImageShape shape) { return std::string_view(name_of(shape)); });
    return found == shapes.end() ? std::nullopt : std::optional(*found);
}

ImageSize kept_size(const ImageSize& size, const Keeping& keeping) {
    const bool is_within = keeping.side == 0 || std::min(size.height, size.width) <= keeping.side;
    switch (keeping.shape) {
        case ImageShape::square:
            return {keeping.side, keeping.side};
        case ImageShape::aspect:
            return with_shorter_side(size, keeping.side);
        case ImageShape::original:
            return is_within ? size : with_shorter_side(size, keeping.side);
    }
    throw std::logic_error("kept_size: there is no such shape");
}

Image keep(Image image, const Keeping& keeping, const std::string& path) {
    const ImageSize size{image.width, image.height}, kept = kept_size(size, keeping);
    // One of a few rows and many columns grows without a bound.
    if (kept.height > largest_image_pixels / kept.width)
        throw ImageError(
            path, fmt::format("{} x {} pixels would become {} x {}; at most {} pixels are kept", size.width,
                              size.height, kept.width, kept.height, largest_image_pixels));
    if (kept == size) return {size.height, size.width, std::move(image.pixels)};
    if (keeping.shape == ImageShape::square) return resize_and_crop(image, keeping.side);
    return resize(image, kept.height, kept.width);
}

}  // namespace vitrine

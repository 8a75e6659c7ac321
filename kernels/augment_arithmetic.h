// The arithmetic of augmentation on 8-bit pixels, as Pillow does it: scalar functions that every device
// shares, so that all of them give the same bytes.
//
// Each formula is Pillow's (13.0; libImaging's Convert.c, Blend.c, Filter.c, Geometry.c; ImageEnhance,
// ImageOps) as torchvision's transforms call it on PIL images. The tests compare them with Pillow, for all
// inputs where that is possible.
#pragma once

#include <cstdint>

namespace vitrine::augment {

struct Pixel {
    uint8_t red, green, blue;

    bool operator==(const Pixel&) const = default;
};

/// Between 0 and 255.
constexpr uint8_t clipped(int value) {
    return static_cast<uint8_t>(value < 0 ? 0 : value > 255 ? 255 : value);
}

/// ITU-R 601 luma in 16-bit fixed point: convert("L").
constexpr uint8_t luma(Pixel p) {
    return static_cast<uint8_t>((19595u * p.red + 38470u * p.green + 7471u * p.blue + 32768u) >> 16);
}

/// Image.blend(degenerate, image, factor) of one channel: degenerate + factor · (image − degenerate) in f32,
/// truncated; clipped where the factor lies outside of [0, 1].
constexpr uint8_t blend(uint8_t degenerate, uint8_t image, float factor) {
    if (factor == 0.0f) return degenerate;
    if (factor == 1.0f) return image;
    const float difference = static_cast<float>(int{image} - int{degenerate});
    const float mixed = static_cast<float>(int{degenerate}) + factor * difference;
    if (mixed <= 0.0f) return 0;
    if (mixed >= 255.0f) return 255;
    return static_cast<uint8_t>(mixed);
}

/// The image that ImageEnhance.Contrast blends with: the mean luma, rounded. `sum` is Σ luma over `count`.
constexpr uint8_t mean_luma(int64_t sum, int64_t count) {
    return static_cast<uint8_t>(static_cast<double>(sum) / static_cast<double>(count) + 0.5);
}

/// ImageFilter.SMOOTH: (Σ of the 3×3 neighbourhood + 4 · centre) / 13, rounded. `weighted` is that sum. No
/// tie can occur, since 13 is odd: Pillow's f32 and these integers agree.
constexpr uint8_t smooth(int weighted) { return static_cast<uint8_t>((2 * weighted + 13) / 26); }

constexpr uint8_t posterize(uint8_t value, int bits) {
    return bits >= 8 ? value : static_cast<uint8_t>(value & ~((1 << (8 - bits)) - 1));
}

/// Values from the threshold on are inverted.
constexpr uint8_t solarize(uint8_t value, double threshold) {
    return value < threshold ? value : static_cast<uint8_t>(255 - value);
}

/// ImageOps.autocontrast's table for a channel whose darkest and brightest values are low and high. The
/// truncation may leave high at 254, as Pillow's does.
constexpr uint8_t stretch(uint8_t value, int low, int high) {
    if (high <= low) return value;
    const double scale = 255.0 / (high - low);
    const double offset = -low * scale;
    return clipped(static_cast<int>(value * scale + offset));
}

/// What ImageOps.equalize adds up to: 0 means that the channel is left as it is.
constexpr int64_t equalize_step(const int32_t* histogram) {
    int64_t pixels = 0, highest = 0, used = 0;
    for (int i = 0; i < 256; ++i) {
        pixels += histogram[i];
        if (histogram[i] != 0) {
            highest = histogram[i];
            ++used;
        }
    }
    return used <= 1 ? 0 : (pixels - highest) / 255;
}

/// ImageOps.equalize's table entry: `below` is how many pixels are darker than the value.
constexpr uint8_t equalized(int64_t below, int64_t step) {
    const int64_t level = (step / 2 + below) / step;
    return static_cast<uint8_t>(level > 255 ? 255 : level);
}

struct Hsv {
    uint8_t hue, saturation, value;
};

/// convert("HSV")
constexpr Hsv to_hsv(Pixel p) {
    const int red = p.red, green = p.green, blue = p.blue;
    const int high = red > green ? (red > blue ? red : blue) : (green > blue ? green : blue);
    const int low = red < green ? (red < blue ? red : blue) : (green < blue ? green : blue);
    if (high == low) return {0, 0, static_cast<uint8_t>(high)};
    const float range = static_cast<float>(high - low);
    const float saturation = range / static_cast<float>(high);
    const float from_red = static_cast<float>(high - red) / range;
    const float from_green = static_cast<float>(high - green) / range;
    const float from_blue = static_cast<float>(high - blue) / range;
    float sixths = 0.0f;
    if (red == high)
        sixths = from_blue - from_green;
    else if (green == high)
        sixths = static_cast<float>(2.0 + from_red - from_blue);
    else
        sixths = static_cast<float>(4.0 + from_green - from_red);
    const double turned = sixths / 6.0 + 1.0;
    const float hue = static_cast<float>(turned >= 1.0 ? turned - 1.0 : turned);
    return {clipped(static_cast<int>(hue * 255.0)), clipped(static_cast<int>(saturation * 255.0)),
            static_cast<uint8_t>(high)};
}

/// A number that is not negative, rounded half up.
constexpr uint8_t rounded(double value) { return clipped(static_cast<int>(value + 0.5)); }

/// convert("RGB") of an HSV image.
constexpr Pixel from_hsv(Hsv p) {
    if (p.saturation == 0) return {p.value, p.value, p.value};
    const double sixths = static_cast<float>(p.hue) * 6.0 / 255.0;
    const int sector = static_cast<int>(sixths);
    const float part = static_cast<float>(sixths - static_cast<float>(sector));
    const float saturation = static_cast<float>(static_cast<float>(p.saturation) / 255.0);
    const float value = static_cast<float>(p.value);
    const uint8_t low = rounded(value * (1.0 - saturation));
    const uint8_t falling = rounded(value * (1.0 - saturation * part));
    const uint8_t rising = rounded(value * (1.0 - saturation * (1.0 - part)));
    switch (sector % 6) {
        case 0:
            return {p.value, rising, low};
        case 1:
            return {falling, p.value, low};
        case 2:
            return {low, p.value, rising};
        case 3:
            return {low, falling, p.value};
        case 4:
            return {rising, low, p.value};
        default:
            return {p.value, low, falling};
    }
}

/// torchvision's adjust_hue: the hue plus `shift` levels of 255, wrapping around.
constexpr Pixel turn_hue(Pixel p, uint8_t shift) {
    Hsv hsv = to_hsv(p);
    hsv.hue = static_cast<uint8_t>(hsv.hue + shift);
    return from_hsv(hsv);
}

}  // namespace vitrine::augment

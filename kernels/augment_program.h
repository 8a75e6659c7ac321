// The program of an image's augmentation: a flat list of steps with all random draws made.
//
// A planner on the host draws each sample's program; a device runs the programs of a whole batch. Each step
// means exactly what Pillow does when torchvision calls it on a PIL image of type u8 (augment_arithmetic.h
// has the arithmetic), so every device gives the same bytes.
#pragma once

#include <cstdint>

namespace vitrine::augment {

enum class OpCode : int32_t {
    // Geometry. `out` is the result's size; in(x, y) outside of the image is the fill colour.
    resize,           // box [left, top, width, height] of the image → out: bilinear, antialiased
    offset,           // out(x, y) = in(x + integers[0], y + integers[1]): crops, padding, translations
    affine,           // out(x, y) = in(X >> 16, Y >> 16), X = i0·x + i1·y + i2, Y = i3·x + i4·y + i5
    zoom,             // out(x, y) = in(⌊X⌋, ⌊Y⌋), X = r0 + r1 + … + r1 (x times), Y = r2 + r3 + …
    flip_horizontal,  // out(x, y) = in(width − 1 − x, y)
    flip_vertical,
    turn_left,   // a quarter, counter-clockwise; the image is square
    turn_right,  // a quarter, clockwise; the image is square
    // Colour: the size stays.
    brightness,    // blend with black, factor reals[0]
    contrast,      // blend with the mean luma of the image, factor reals[0]
    saturation,    // blend with the luma of the pixel, factor reals[0]
    sharpness,     // blend with the smoothed image, factor reals[0]
    hue,           // plus integers[0] levels of 255, wrapping around
    grayscale,     // the luma in all three channels
    posterize,     // keep integers[0] bits
    solarize,      // invert values from reals[0] on
    invert,        //
    autocontrast,  //
    equalize,      //
};

struct Step {
    OpCode op = OpCode::offset;
    int32_t out_width = 0;
    int32_t out_height = 0;
    uint8_t fill[4] = {0, 0, 0, 0};            // red, green, blue, unused
    int32_t integers[6] = {0, 0, 0, 0, 0, 0};  // see the op
    double reals[4] = {0, 0, 0, 0};
};

}  // namespace vitrine::augment

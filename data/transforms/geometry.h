// Steps of rotations, shears and other affine maps, as PIL and torchvision set them up.
#pragma once

#include <array>

#include "data/transforms/transform.h"

namespace vitrine {

using Fill = std::array<uint8_t, 3>;  // the colour of what lies outside of the image

struct AffineParameters {
    double angle = 0.0;  // degrees, clockwise
    double translate_x = 0.0;
    double translate_y = 0.0;
    double scale = 1.0;
    double shear_x = 0.0;  // degrees
    double shear_y = 0.0;
    bool around_corner = false;  // the fixed point: the upper left corner, or else the centre
};

/// PIL's Image.rotate: counter-clockwise degrees around the centre, nearest neighbour, same size.
void add_rotation(Program& program, double degrees, const Fill& fill);

/// torchvision's affine, nearest neighbour, same size.
void add_affine(Program& program, const AffineParameters& parameters, const Fill& fill);

}  // namespace vitrine

// Steps of affine maps: see geometry.h.

#include "data/transforms/geometry.h"

#include <cmath>
#include <numbers>

#include "engine/error.h"

namespace vitrine {
namespace {

using augment::OpCode;
using augment::Step;

/// From a point of the result to a point of the source: x' = a·x + b·y + c, y' = d·x + e·y + f.
struct Matrix {
    double a, b, c, d, e, f;
};

double radians(double degrees) { return degrees * (std::numbers::pi / 180.0); }

/// Python's round(x, 15) for |x| ≤ 1: the f64 nearest to x's nearest decimal fraction of 15 digits.
double rounded_to_15_digits(double x) {
    constexpr double scale = 1e15;  // exact in f64, and so is every whole number up to it
    const double product = x * scale;
    const double lost = std::fma(x, scale, -product);  // product + lost is x · scale exactly
    double nearest = std::nearbyint(product);
    const double over = (product - nearest) + lost;
    if (over > 0.5) nearest += 1.0;
    if (over < -0.5) nearest -= 1.0;
    return nearest / scale;
}

/// 16.16 fixed point. Pillow uses it while all coordinates are below 32768.
int32_t fixed(double value) {
    if (!(std::abs(value) < 32767.0))
        throw Error("an affine transform leads further away than 32767 pixels: choose a scale nearer to 1");
    return static_cast<int32_t>(std::floor(value * 65536.0 + 0.5));
}

/// Pillow's nearest-neighbour transform: positions of pixel centres, in fixed point if the axes mix, in f64
/// if they do not.
void add_matrix(Program& program, const Matrix& m, const Fill& fill) {
    const bool axes_mix = m.b != 0.0 || m.d != 0.0;
    Step& step = program.add(axes_mix ? OpCode::affine : OpCode::zoom);
    std::copy(fill.begin(), fill.end(), step.fill);
    if (!axes_mix) {
        const double zoom[]{m.c + m.a * 0.5, m.a, m.f + m.e * 0.5, m.e};
        std::copy(std::begin(zoom), std::end(zoom), step.reals);
        return;
    }
    const int32_t integers[]{fixed(m.a), fixed(m.b), fixed(m.c + m.a * 0.5 + m.b * 0.5),
                             fixed(m.d), fixed(m.e), fixed(m.f + m.d * 0.5 + m.e * 0.5)};
    std::copy(std::begin(integers), std::end(integers), step.integers);
}

}  // namespace

void add_rotation(Program& program, double degrees, const Fill& fill) {
    double angle = std::fmod(degrees, 360.0);
    if (angle < 0.0) angle += 360.0;
    if (angle == 0.0) return;
    if (angle == 180.0) {
        program.add(OpCode::flip_horizontal);
        program.add(OpCode::flip_vertical);
        return;
    }
    if ((angle == 90.0 || angle == 270.0) && program.width == program.height) {
        program.add(angle == 90.0 ? OpCode::turn_left : OpCode::turn_right);
        return;
    }
    const double turn = -radians(angle);
    const double cosine = rounded_to_15_digits(std::cos(turn)), sine = rounded_to_15_digits(std::sin(turn));
    const double x = static_cast<double>(program.width) / 2.0, y = static_cast<double>(program.height) / 2.0;
    const double minus_sine = rounded_to_15_digits(-std::sin(turn));
    add_matrix(
        program,
        {cosine, sine, cosine * -x + sine * -y + x, minus_sine, cosine, minus_sine * -x + cosine * -y + y},
        fill);
}

void add_affine(Program& program, const AffineParameters& p, const Fill& fill) {
    // torchvision's _get_inverse_affine_matrix.
    const double rotation = radians(p.angle), shear_x = radians(p.shear_x), shear_y = radians(p.shear_y);
    const double centre_x = p.around_corner ? 0.0 : static_cast<double>(program.width) * 0.5;
    const double centre_y = p.around_corner ? 0.0 : static_cast<double>(program.height) * 0.5;
    const double a = std::cos(rotation - shear_y) / std::cos(shear_y);
    const double b =
        -std::cos(rotation - shear_y) * std::tan(shear_x) / std::cos(shear_y) - std::sin(rotation);
    const double c = std::sin(rotation - shear_y) / std::cos(shear_y);
    const double d =
        -std::sin(rotation - shear_y) * std::tan(shear_x) / std::cos(shear_y) + std::cos(rotation);
    Matrix m{d / p.scale, -b / p.scale, 0.0, -c / p.scale, a / p.scale, 0.0};
    m.c += m.a * (-centre_x - p.translate_x) + m.b * (-centre_y - p.translate_y);
    m.f += m.d * (-centre_x - p.translate_x) + m.e * (-centre_y - p.translate_y);
    m.c += centre_x;
    m.f += centre_y;
    add_matrix(program, m, fill);
}

}  // namespace vitrine

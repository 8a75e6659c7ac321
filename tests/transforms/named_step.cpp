// Steps by name: see named_step.h.

#include "tests/transforms/named_step.h"

#include <map>

#include "data/transforms/geometry.h"
#include "engine/error.h"

namespace vitrine::test {
namespace {

using augment::OpCode;
using augment::Step;
using Arguments = std::vector<double>;

const std::map<std::string, OpCode> with_factor{{"brightness", OpCode::brightness},
                                                {"contrast", OpCode::contrast},
                                                {"saturation", OpCode::saturation},
                                                {"sharpness", OpCode::sharpness},
                                                {"solarize", OpCode::solarize}};
const std::map<std::string, OpCode> without_arguments{{"grayscale", OpCode::grayscale},
                                                      {"invert", OpCode::invert},
                                                      {"autocontrast", OpCode::autocontrast},
                                                      {"equalize", OpCode::equalize},
                                                      {"flip_horizontal", OpCode::flip_horizontal},
                                                      {"flip_vertical", OpCode::flip_vertical}};

Fill fill_from(const Arguments& a, size_t first) {
    if (a.size() <= first) return {};
    return {static_cast<uint8_t>(a[first]), static_cast<uint8_t>(a[first + 1]),
            static_cast<uint8_t>(a[first + 2])};
}

AffineParameters affine_from(const std::string& name, const Arguments& a) {
    if (name == "shear_x") return {.shear_x = a.at(0), .around_corner = true};
    if (name == "shear_y") return {.shear_y = a.at(0), .around_corner = true};
    if (name == "translate") return {.translate_x = a.at(0), .translate_y = a.at(1)};
    if (name == "zoom") return {.scale = a.at(0)};
    if (name == "affine")
        return {.angle = a.at(0),
                .translate_x = a.at(1),
                .translate_y = a.at(2),
                .scale = a.at(3),
                .shear_x = a.at(4),
                .shear_y = a.at(5)};
    throw Error("there is no step named '" + name + "'");
}

/// [left, top, (width, height of a box,) width, height of the result]
void add_box(Program& program, OpCode op, const Arguments& a, size_t box) {
    Step& step = program.add(op, static_cast<int64_t>(a.at(box)), static_cast<int64_t>(a.at(box + 1)));
    for (size_t i = 0; i < box; ++i) step.integers[i] = static_cast<int32_t>(a[i]);
}

}  // namespace

void add_named_step(Program& program, const std::string& name, const Arguments& a) {
    if (with_factor.contains(name)) {
        program.add(with_factor.at(name)).reals[0] = a.at(0);
    } else if (without_arguments.contains(name)) {
        program.add(without_arguments.at(name));
    } else if (name == "hue") {
        program.add(OpCode::hue).integers[0] = static_cast<uint8_t>(static_cast<int>(a.at(0) * 255));
    } else if (name == "posterize") {
        program.add(OpCode::posterize).integers[0] = static_cast<int32_t>(a.at(0));
    } else if (name == "rotate") {
        add_rotation(program, a.at(0), fill_from(a, 1));
    } else if (name == "resized_crop") {
        add_box(program, OpCode::resize, a, 4);
    } else if (name == "crop") {
        add_box(program, OpCode::offset, a, 2);
    } else {
        add_affine(program, affine_from(name, a), fill_from(a, name == "affine" ? 6 : 2));
    }
}

}  // namespace vitrine::test

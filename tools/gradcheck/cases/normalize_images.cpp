// From u8 images to the network's input, against the formula.

#include <fmt/format.h>

#include "tools/gradcheck/cases/list.h"
#include "tools/gradcheck/harness/draw.h"

namespace vitrine::gradcheck {
namespace {

constexpr std::array<double, 3> mean{0.485, 0.456, 0.406};
constexpr std::array<double, 3> deviation{0.229, 0.224, 0.225};

Problem normalize_problem(int64_t pixels) {
    Problem problem;
    problem.shape = fmt::format("{} pixels", pixels);
    problem.tensors = {{"images", Role::input, pixels * 3, integers("images", pixels * 3, 256), Element::u8},
                       {"y", Role::output, pixels * 3}};
    problem.forward = pass(&KernelTable::normalize_images, [=](DType dtype, const Bindings& b) {
        return NormalizeImages{dtype, pixels,    static_cast<const uint8_t*>(b["images"]),
                               mean,  deviation, b["y"]};
    });
    problem.expected = [](const Values& inputs) {
        std::vector<double> y = inputs.at("images");
        for (size_t i = 0; i < y.size(); ++i) y[i] = (y[i] / 255 - mean[i % 3]) / deviation[i % 3];
        return Values{{"y", std::move(y)}};
    };
    return problem;
}

}  // namespace

std::vector<Problem> normalize_images_problems() {
    return {normalize_problem(1), normalize_problem(7), normalize_problem(16), normalize_problem(333),
            normalize_problem(20'001)};
}

std::vector<Problem> normalize_images_layers() { return {normalize_problem(224 * 224)}; }

}  // namespace vitrine::gradcheck

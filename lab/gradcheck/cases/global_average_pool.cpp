// The average of every channel over a whole image, and of what its input is normalised and clamped to as it is read.

#include <fmt/format.h>

#include <utility>

#include "lab/gradcheck/cases/list.h"
#include "lab/gradcheck/harness/draw.h"

namespace vitrine::gradcheck {
namespace {

struct Options {
    int64_t batch;
    int64_t pixels;
    int64_t channels;
    bool scale = false;
    Activation activation = Activation::identity;

    int64_t count() const { return batch * pixels * channels; }
    bool plain() const { return !scale && activation == Activation::identity; }
};

std::string describe(const Options& o) {
    std::string text = fmt::format("{}x{}x{}", o.batch, o.pixels, o.channels);
    if (o.scale) text += ", scale";
    if (o.activation != Activation::identity) text += fmt::format(", {}", name_of(o.activation));
    return text;
}

/// Draws u = scale · x + shift off the kinks first, and x from it.
std::vector<Tensor> tensors_of(const Options& o) {
    const bool kinks = o.activation != Activation::identity;
    std::vector<double> x = kinks ? off_kinks(o.activation, "u", o.count()) : uniform("x", o.count());
    std::vector<Tensor> tensors;
    if (o.scale) {
        const std::vector<double> scale = away_from_zero("scale", o.channels);
        const std::vector<double> shift = uniform("shift", o.channels);
        for (size_t i = 0; i < x.size(); ++i) {
            const size_t c = i % scale.size();
            x[i] = (x[i] - shift[c]) / scale[c];
        }
        tensors.push_back({"scale", Role::parameter, o.channels, scale});
        tensors.push_back({"shift", Role::parameter, o.channels, shift});
    }
    tensors.push_back({"x", Role::parameter, o.count(), std::move(x)});
    tensors.push_back({"y", Role::loss, o.batch * o.channels});
    return tensors;
}

GlobalAveragePoolForward forward_args(const Options& o, DType dtype, const Bindings& b) {
    return {.dtype = dtype,
            .batch = o.batch,
            .pixels = o.pixels,
            .channels = o.channels,
            .x = {b["x"], b.optional("scale"), b.optional("shift")},
            .activation = o.activation,
            .y = b["y"]};
}

/// Of a plain input backward gets along without it.
GlobalAveragePoolBackward backward_args(const Options& o, DType dtype, const Bindings& b) {
    return {.dtype = dtype,
            .batch = o.batch,
            .pixels = o.pixels,
            .channels = o.channels,
            .x = {o.plain() ? nullptr : b["x"], b.optional("scale"), b.optional("shift")},
            .activation = o.activation,
            .d_y = b["d_y"],
            .d_x = {b.gradient("d_x"), b.gradient("d_scale"), b.gradient("d_shift")}};
}

Problem global_average_pool_problem(const Options& o) {
    Problem problem;
    problem.shape = describe(o);
    problem.tensors = tensors_of(o);
    problem.half = HalfTypes{{"scale", "shift"}};
    problem.forward = pass(&KernelTable::global_average_pool_forward,
                           [o](DType dtype, const Bindings& b) { return forward_args(o, dtype, b); });
    problem.backward = pass(&KernelTable::global_average_pool_backward,
                            [o](DType dtype, const Bindings& b) { return backward_args(o, dtype, b); });
    return problem;
}

}  // namespace

std::vector<Problem> global_average_pool_problems() {
    using enum Activation;
    const std::vector<Options> all{
        {1, 1, 1},
        {2, 49, 17},
        {3, 15, 1},
        {1, 64, 32},
        {4, 49, 320},
        {1, 3000, 5},
        // What is pending happens as it is read. Images of several chunks, and many images.
        {2, 49, 17, true, relu6},
        {4, 49, 320, true, relu6},
        {3, 15, 1, true},
        {1, 64, 32, false, relu},
        {20, 9, 16, true, relu6},
        {1, 3000, 5, true, relu},
        {2, 1600, 24, true},
        {5, 7, 33, false, relu6}};
    std::vector<Problem> problems;
    for (const Options& options : all) problems.push_back(global_average_pool_problem(options));
    return problems;
}

/// MobileNetV2's, fused.
std::vector<Problem> global_average_pool_layers() {
    return {global_average_pool_problem({4, 49, 1280, true, Activation::relu6})};
}

}  // namespace vitrine::gradcheck

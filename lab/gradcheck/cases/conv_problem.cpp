// What the three convolutions' problems have in common: see conv_problem.h.

#include "lab/gradcheck/cases/conv_problem.h"

#include <fmt/format.h>

#include "lab/gradcheck/harness/draw.h"

namespace vitrine::gradcheck {
namespace {

std::string describe(const ConvOptions& options) {
    const ConvShape& s = options.shape;
    std::string text = fmt::format("{}x{}x{}x{} to {}, kernel {}x{}", s.batch, s.in.height, s.in.width,
                                   s.in_channels, s.out_channels, s.kernel.height, s.kernel.width);
    if (s.stride != Size2{}) text += fmt::format(", stride {}x{}", s.stride.height, s.stride.width);
    if (s.padding != Size2{0, 0}) text += fmt::format(", padding {}x{}", s.padding.height, s.padding.width);
    if (s.groups != 1) text += fmt::format(", groups {}", s.groups);
    if (options.bias)
        text += options.bias_offset == 0 ? ", bias" : fmt::format(", bias near {}", options.bias_offset);
    if (options.scale) text += ", scale";
    if (options.activation != Activation::identity) text += fmt::format(", {}", name_of(options.activation));
    if (options.statistics != Statistics::none) text += ", statistics";
    if (options.statistics == Statistics::differentiated) text += " with gradients";
    return text;
}

/// Draws u = scale · x + shift off the kinks first, and x from it.
void add_inputs(std::vector<Tensor>& tensors, const ConvOptions& options) {
    const int64_t channels = options.shape.in_channels;
    const int64_t count = options.shape.in_pixels() * channels;
    const bool kinks = options.activation != Activation::identity;
    std::vector<double> x = kinks ? off_kinks(options.activation, "u", count) : uniform("u", count);
    if (options.scale) {
        const std::vector<double> scale = away_from_zero("scale", channels);
        const std::vector<double> shift = uniform("shift", channels);
        for (size_t i = 0; i < x.size(); ++i) {
            const size_t c = i % static_cast<size_t>(channels);
            x[i] = (x[i] - shift[c]) / scale[c];
        }
        tensors.push_back({"scale", Role::parameter, channels, scale});
        tensors.push_back({"shift", Role::parameter, channels, shift});
    }
    tensors.push_back({"x", Role::parameter, count, std::move(x)});
    const int64_t weights = options.shape.weight_count();
    tensors.push_back({"weight", Role::parameter, weights, uniform("weight", weights)});
    if (!options.bias) return;
    const double offset = options.bias_offset;
    tensors.push_back({"bias", Role::parameter, options.shape.out_channels,
                       uniform("bias", options.shape.out_channels, offset - 1, offset + 1)});
}

void add_outputs(std::vector<Tensor>& tensors, const ConvOptions& options) {
    const ConvShape& shape = options.shape;
    tensors.push_back({"y", Role::loss, shape.out_pixels() * shape.out_channels});
    if (options.statistics == Statistics::none) return;
    const Role role = options.statistics == Statistics::differentiated ? Role::loss : Role::output;
    tensors.push_back({"mean", role, shape.out_channels});
    tensors.push_back({"m2", role, shape.out_channels});
}

Prologue prologue_of(const ConvOptions& options, const Bindings& b) {
    return {b.optional("scale"), b.optional("shift"), options.activation};
}

ConvForward forward_args(const ConvOptions& options, DType dtype, const Bindings& b) {
    ConvForward args;
    args.dtype = dtype;
    args.shape = options.shape;
    args.x = b["x"];
    args.weight = b["weight"];
    args.bias = b.optional("bias");
    args.prologue = prologue_of(options, b);
    args.y = b["y"];
    args.epilogue = {b.optional("mean"), b.optional("m2")};
    return args;
}

ConvBackward backward_args(const ConvOptions& options, DType dtype, const Bindings& b) {
    ConvBackward args;
    args.dtype = dtype;
    args.shape = options.shape;
    args.x = b["x"];
    args.weight = b["weight"];
    args.prologue = prologue_of(options, b);
    args.d_y = b["d_y"];
    if (options.statistics == Statistics::differentiated) {
        args.y = b["y"];
        args.mean = b["mean"];
        args.d_mean = b["d_mean"];
        args.d_m2 = b["d_m2"];
    }
    args.d_x = b.gradient("d_x");
    args.d_weight = b.gradient("d_weight");
    args.d_bias = b.gradient("d_bias");
    args.d_scale = b.gradient("d_scale");
    args.d_shift = b.gradient("d_shift");
    return args;
}

}  // namespace

std::string text_of(const InputWindows& w) {
    return fmt::format("windows {}x{}, stride {}x{}, padding {}x{}, of {}x{}x{}", w.kernel.height,
                       w.kernel.width, w.stride.height, w.stride.width, w.padding.height, w.padding.width,
                       w.in.height, w.in.width, w.channels);
}

InputWindows first_layer_windows(int64_t height, int64_t width) {
    return {{height, width}, 3, {3, 3}, {2, 2}, {1, 1}};
}

std::vector<ConvOptions> with_options_in_turn(const std::vector<ConvShape>& shapes) {
    const std::vector<ConvOptions> combinations{
        {.shape = {}},
        {.shape = {}, .bias = true},
        {.shape = {},
         .scale = true,
         .activation = Activation::relu6,
         .statistics = Statistics::differentiated},
        {.shape = {}, .bias = true, .activation = Activation::relu, .statistics = Statistics::written},
        {.shape = {}, .scale = true, .activation = Activation::relu},
        {.shape = {}, .scale = true, .statistics = Statistics::differentiated},
        {.shape = {}, .bias = true, .bias_offset = 100, .statistics = Statistics::differentiated},
        {.shape = {}, .bias = true, .scale = true, .activation = Activation::relu6},
        {.shape = {}, .activation = Activation::relu6},
    };
    std::vector<ConvOptions> all;
    for (size_t i = 0; i < shapes.size(); ++i) {
        ConvOptions options = combinations[i % combinations.size()];
        options.shape = shapes[i];
        if (shapes[i].macs() > 1'000'000) options.samples = 6;
        all.push_back(options);
    }
    return all;
}

std::vector<ConvOptions> with_curves(const std::vector<ConvShape>& shapes) {
    std::vector<ConvOptions> all;
    for (const ConvShape& shape : shapes) {
        all.push_back({.shape = shape,
                       .bias = true,
                       .scale = true,
                       .activation = Activation::silu,
                       .statistics = Statistics::differentiated});
        all.push_back({.shape = shape, .scale = true, .activation = Activation::hard_swish});
        all.push_back({.shape = shape, .activation = Activation::silu});
    }
    return all;
}

std::vector<ConvOptions> with_cancelling_gradients(const std::vector<ConvShape>& shapes) {
    std::vector<ConvOptions> all;
    for (const ConvShape& shape : shapes) {
        all.push_back(
            {.shape = shape, .scale = true, .statistics = Statistics::differentiated, .samples = 6});
    }
    return all;
}

Problem conv_problem(BoundKernel<ConvForward> KernelTable::*forward,
                     BoundKernel<ConvBackward> KernelTable::*backward, const ConvOptions& options) {
    std::vector<Tensor> tensors;
    add_inputs(tensors, options);
    add_outputs(tensors, options);
    Problem problem;
    problem.shape = describe(options);
    problem.tensors = std::move(tensors);
    problem.half = HalfTypes{{"scale", "shift", "bias", "mean", "m2"}, {"weight"}};
    problem.forward =
        pass(forward, [options](DType dtype, const Bindings& b) { return forward_args(options, dtype, b); });
    problem.backward = pass(
        backward, [options](DType dtype, const Bindings& b) { return backward_args(options, dtype, b); });
    problem.samples = options.samples;
    return problem;
}

std::vector<Problem> conv_problems(BoundKernel<ConvForward> KernelTable::*forward,
                                   BoundKernel<ConvBackward> KernelTable::*backward,
                                   const std::vector<ConvOptions>& all) {
    std::vector<Problem> problems;
    for (const ConvOptions& options : all) problems.push_back(conv_problem(forward, backward, options));
    return problems;
}

}  // namespace vitrine::gradcheck

// The moments of an expansion, made of those of its input.

#include <fmt/format.h>

#include "lab/gradcheck/cases/conv_problem.h"
#include "lab/gradcheck/cases/list.h"
#include "lab/gradcheck/harness/draw.h"

namespace vitrine::gradcheck {
namespace {

struct Options {
    int64_t pixels;
    int64_t narrow;
    int64_t channels;
    bool scale = false;
    Activation activation = Activation::identity;
    double level = 0;  // what a lies around: where it is large, squares of it cancel
    int64_t samples = 40;
    /// How far it goes from there. Where nothing is clamped, what d_m2 adds to a gradient grows with it and cancels over the pixels in
    /// d_shift; the roundings of f32 do not.
    double spread = 1;
    /// Of x, in place of rows; `pixels` and `narrow` are then their number and what each holds.
    InputWindows windows{};
};

std::string describe(const Options& o) {
    std::string text = fmt::format("{} pixels, {} to {}", o.pixels, o.narrow, o.channels);
    if (o.windows.there()) text += ", " + text_of(o.windows);
    if (o.scale) text += ", scale";
    if (o.activation != Activation::identity) text += fmt::format(", {}", name_of(o.activation));
    if (o.level != 0) text += fmt::format(", near {}", o.level);
    return text;
}

std::vector<Tensor> tensors_of(const Options& o) {
    const ConvShape shape = moments_shape(o);
    const int64_t count = shape.in_pixels() * shape.in_channels, weights = o.channels * o.narrow;
    const bool kinks = o.activation != Activation::identity && o.level == 0;
    std::vector<double> x = kinks ? off_kinks(o.activation, "u", count)
                                  : uniform("u", count, o.level - o.spread, o.level + o.spread);
    std::vector<Tensor> tensors;
    if (o.scale) {
        const std::vector<double> scale = away_from_zero("scale", o.narrow),
                                  shift = uniform("shift", o.narrow);
        for (size_t i = 0; i < x.size(); ++i) {
            const size_t c = i % static_cast<size_t>(o.narrow);
            x[i] = (x[i] - shift[c]) / scale[c];
        }
        tensors.push_back({"scale", Role::parameter, o.narrow, scale});
        tensors.push_back({"shift", Role::parameter, o.narrow, shift});
    }
    tensors.push_back({"x", o.windows.there() ? Role::input : Role::parameter, count, std::move(x)});
    tensors.push_back({"expansion", Role::parameter, weights, uniform("expansion", weights)});
    tensors.push_back({"mean", Role::loss, o.channels});
    tensors.push_back({"m2", Role::loss, o.channels});
    tensors.push_back({"centre", Role::output, o.narrow});
    tensors.push_back({"scatter", Role::output, o.narrow * o.narrow});
    return tensors;
}

/// What forward and backward are given alike.
template <class Args>
Args common_args(const Options& o, DType dtype, const Bindings& b) {
    Args args;
    args.dtype = dtype;
    args.pixels = o.pixels;
    args.narrow = o.narrow;
    args.channels = o.channels;
    args.windows = o.windows;
    args.x = b["x"];
    args.prologue = {b.optional("scale"), b.optional("shift"), o.activation};
    args.expansion = b["expansion"];
    args.centre = b["centre"];
    args.scatter = b["scatter"];
    return args;
}

ExpansionMomentsForward forward_args(const Options& o, DType dtype, const Bindings& b) {
    auto args = common_args<ExpansionMomentsForward>(o, dtype, b);
    args.mean = b["mean"];
    args.m2 = b["m2"];
    return args;
}

ExpansionMomentsBackward backward_args(const Options& o, DType dtype, const Bindings& b) {
    auto args = common_args<ExpansionMomentsBackward>(o, dtype, b);
    args.d_mean = b["d_mean"];
    args.d_m2 = b["d_m2"];
    args.d_x = b.gradient("d_x");
    args.d_scale = b.gradient("d_scale");
    args.d_shift = b.gradient("d_shift");
    args.d_expansion = b.gradient("d_expansion");
    return args;
}

Problem moments_problem(const Options& o) {
    Problem problem;
    problem.shape = describe(o);
    problem.tensors = tensors_of(o);
    problem.half = HalfTypes{{"scale", "shift", "mean", "m2", "centre", "scatter"}, {"expansion"}};
    problem.forward = pass(&KernelTable::expansion_moments_forward,
                           [o](DType dtype, const Bindings& b) { return forward_args(o, dtype, b); });
    // Forward alone: what the prologue rounds at such a level is as large as what is left of d_shift.
    if (o.level != 0 && o.scale) return problem;
    problem.backward = pass(&KernelTable::expansion_moments_backward,
                            [o](DType dtype, const Bindings& b) { return backward_args(o, dtype, b); });
    problem.samples = o.samples;
    // m2 is a square of every parameter, so that wide differences are as exact as narrow ones; and over many pixels, where
    // one of them is a small part of the sum, they lose fewer digits.
    problem.step = 2e-3;
    return problem;
}

Options windowed(int64_t batch, const InputWindows& windows, int64_t channels, double level = 0) {
    const ConvShape shape = windows.shape(batch, channels);
    return {.pixels = shape.out_pixels(),
            .narrow = shape.weight_count() / channels,
            .channels = channels,
            .level = level,
            .windows = windows};
}

std::vector<Problem> problems_of(const std::vector<Options>& all) {
    std::vector<Problem> problems;
    for (const Options& options : all) problems.push_back(moments_problem(options));
    return problems;
}

}  // namespace

std::vector<Problem> expansion_moments_problems() {
    using enum Activation;
    return problems_of({
        windowed(2, first_layer_windows(11, 12), 32),
        windowed(1, first_layer_windows(1, 2), 8),
        windowed(3, first_layer_windows(33, 58), 24),  // several tiles, not full
        windowed(1, first_layer_windows(7, 9), 32),    // rows of an odd number of values
        windowed(1, first_layer_windows(20, 24), 32, 3),
        windowed(1100, first_layer_windows(2, 4), 8),  // more tiles than blocks
        windowed(1, {{9, 8}, 5, {3, 3}, {1, 1}, {1, 1}}, 16),
        windowed(2, {{8, 12}, 2, {4, 2}, {4, 3}, {0, 1}}, 16),
        windowed(1, {{9, 9}, 4, {1, 1}, {2, 2}, {0, 0}}, 7),
        {1, 1, 1},                                    // the smallest, which does not spread
        {2, 3, 7},                                    // two pixels
        {1, 8, 5},                                    //
        {49, 8, 48, true},                            //
        {60, 16, 96, true, relu6},                    //
        {33, 24, 144, false, relu6},                  //
        {20, 17, 33, true, relu},                     // tails everywhere
        {7, 1, 9, true},                              // one narrow channel
        {130, 9, 1, false, relu},                     // one wide channel
        {5, 40, 16, true},                            // more narrow channels than pixels
        {40, 65, 3},                                  // … than wide ones
        {512, 16, 24, true, relu6},                   // whole chunks of pixels
        {513, 3, 5, true, relu},                      // … and one pixel more
        {1031, 16, 20, true, identity, 0, 6, 0.1},    // many chunks, the last one short
        {2000, 5, 20, true, relu6, 0, 6},             //
        {700, 16, 24, false, identity, 100},          // the mean is large beside what lies around it
        {1300, 8, 16, false, relu, 100, 6},           //
        {90, 24, 12, false, identity, 1000, 40, 20},  //
        {1100, 8, 16, true, relu, 100, 6},            // … behind a prologue
        {150, 12, 9, true, relu6},                    // packs of floats, but no square of S is filled
        {190, 32, 12, true, relu6},                   // as many narrow channels as tensor cores take
        {400, 40, 7, true, relu6, 0, 6},              // more pairs of channels than a block sums up at once
        {300, 56, 4, false, relu, 0, 6},              // … and rows that no power of two shares out
        {16400, 8, 3, true, relu6, 0, 4},             // so many chunks that they are put together in groups
    });
}

/// MobileNetV2's.
std::vector<Problem> expansion_moments_layers() {
    return problems_of({{112 * 112, 16, 96, true},
                        {56 * 56, 24, 144, true},
                        {28 * 28, 32, 192, true},
                        {14 * 14, 96, 576, true},
                        windowed(1, first_layer_windows(224, 224), 32)});
}

}  // namespace vitrine::gradcheck

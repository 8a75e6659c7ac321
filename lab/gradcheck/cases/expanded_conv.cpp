// A depthwise convolution of an expansion that is never stored: two prologues, the second of what only the kernel sees.

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "lab/gradcheck/cases/conv_problem.h"
#include "lab/gradcheck/cases/expanded_point.h"
#include "lab/gradcheck/cases/list.h"
#include "lab/gradcheck/harness/draw.h"

namespace vitrine::gradcheck {
namespace {

using Options = ExpandedOptions;

std::string describe(const char* of, const PrologueOptions& prologue) {
    if (!prologue.scale && prologue.activation == Activation::identity) return "";
    std::string text = fmt::format(", {} with", of);
    if (prologue.scale) text += " scale";
    if (prologue.activation != Activation::identity)
        text += fmt::format("{}{}", prologue.scale ? " and " : " ", name_of(prologue.activation));
    return text;
}

std::string describe(const Options& o) {
    const ConvShape& s = o.shape;
    std::string text = fmt::format("{}x{}x{}x{} to {}, kernel {}x{}", s.batch, s.in.height, s.in.width,
                                   o.narrow, s.in_channels, s.kernel.height, s.kernel.width);
    if (o.windows.there()) text = text_of(o.windows) + ", " + text;
    if (s.stride != Size2{}) text += fmt::format(", stride {}x{}", s.stride.height, s.stride.width);
    if (s.padding != Size2{0, 0}) text += fmt::format(", padding {}x{}", s.padding.height, s.padding.width);
    text += describe("x", o.narrow_prologue) + describe("e", o.prologue);
    if (o.statistics != Statistics::none) text += ", statistics";
    if (o.statistics == Statistics::differentiated) text += " with gradients";
    if (o.wide_d_x) text += ", d_x not rounded";
    return text;
}

std::vector<Tensor> tensors_of(const Options& o) {
    const ConvShape& shape = o.shape;
    std::vector<Tensor> tensors;
    add_expanded_point(o, tensors);
    tensors.push_back(
        {"weight", Role::parameter, shape.weight_count(), uniform("weight", shape.weight_count())});
    tensors.push_back({"y", Role::loss, shape.out_pixels() * shape.out_channels});
    if (o.statistics == Statistics::none) return tensors;
    const Role role = o.statistics == Statistics::differentiated ? Role::loss : Role::output;
    tensors.push_back({"mean", role, shape.out_channels});
    tensors.push_back({"m2", role, shape.out_channels});
    return tensors;
}

/// What forward and backward are given alike.
template <class Args>
Args common_args(const Options& o, DType dtype, const Bindings& b) {
    Args args;
    args.dtype = dtype;
    args.shape = o.shape;
    args.narrow = o.narrow;
    args.windows = o.windows;
    args.x = b["x"];
    args.narrow_prologue = {b.optional("narrow_scale"), b.optional("narrow_shift"),
                            o.narrow_prologue.activation};
    args.expansion = b["expansion"];
    args.prologue = {b.optional("scale"), b.optional("shift"), o.prologue.activation};
    args.weight = b["weight"];
    return args;
}

ExpandedConvForward forward_args(const Options& o, DType dtype, const Bindings& b) {
    auto args = common_args<ExpandedConvForward>(o, dtype, b);
    args.y = b["y"];
    args.epilogue = {b.optional("mean"), b.optional("m2")};
    return args;
}

ExpandedConvBackward backward_args(const Options& o, DType dtype, const Bindings& b) {
    auto args = common_args<ExpandedConvBackward>(o, dtype, b);
    args.d_y = b["d_y"];
    if (o.statistics == Statistics::differentiated) {
        args.y = b["y"];
        args.mean = b["mean"];
        args.d_mean = b["d_mean"];
        args.d_m2 = b["d_m2"];
    }
    args.d_x = b.gradient("d_x");
    args.wide_d_x = o.wide_d_x && !o.windows.there();
    args.d_narrow_scale = b.gradient("d_narrow_scale");
    args.d_narrow_shift = b.gradient("d_narrow_shift");
    args.d_expansion = b.gradient("d_expansion");
    args.d_scale = b.gradient("d_scale");
    args.d_shift = b.gradient("d_shift");
    args.d_weight = b.gradient("d_weight");
    return args;
}

Problem expanded_problem(const Options& o) {
    Problem problem;
    problem.shape = describe(o);
    problem.tensors = tensors_of(o);
    problem.half =
        HalfTypes{{"narrow_scale", "narrow_shift", "scale", "shift", "mean", "m2"}, {"expansion", "weight"}};
    if (o.wide_d_x && !o.windows.there()) problem.half->accumulated_gradients.emplace_back("x");
    problem.forward = pass(&KernelTable::expanded_conv_forward,
                           [o](DType dtype, const Bindings& b) { return forward_args(o, dtype, b); });
    problem.backward = pass(&KernelTable::expanded_conv_backward,
                            [o](DType dtype, const Bindings& b) { return backward_args(o, dtype, b); });
    problem.samples = o.samples;
    return problem;
}

Options expanded(int64_t batch, Size2 in, int64_t narrow, int64_t channels, Size2 stride = {1, 1},
                 Size2 padding = {1, 1}, Size2 kernel = {3, 3}) {
    return {.shape = {batch, in, channels, channels, kernel, stride, padding, channels}, .narrow = narrow};
}

/// Each prologue by itself, with the other and left out, and every kind of statistics.
std::vector<Options> combinations() {
    using enum Activation;
    using enum Statistics;
    const auto all = [](PrologueOptions narrow, PrologueOptions wide, Statistics statistics) {
        return Options{.shape = {}, .narrow_prologue = narrow, .prologue = wide, .statistics = statistics};
    };
    return {
        all({}, {}, none),
        all({true, identity}, {true, relu6}, differentiated),  // MobileNetV2's
        all({}, {false, relu6}, written),
        all({true, relu6}, {true, relu6}, differentiated),
        all({}, {true, relu6}, none),
        all({true, identity}, {}, differentiated),
        all({true, relu}, {true, relu}, written),
        all({}, {true, identity}, differentiated),
        all({true, relu6}, {false, relu}, none),
        all({false, relu}, {true, identity}, written),
    };
}

Options with_options_of(Options shape, const Options& options) {
    shape.narrow_prologue = options.narrow_prologue;
    shape.prologue = options.prologue;
    shape.statistics = options.statistics;
    if (shape.shape.in_pixels() * shape.shape.in_channels * shape.narrow > 500'000) shape.samples = 6;
    return shape;
}

std::vector<Options> shapes_in_turn() {
    const std::vector<Options> shapes{
        expanded(1, {1, 1}, 1, 1),                    // the smallest: eight of nine taps are padding
        expanded(2, {9, 11}, 24, 144, {2, 2}),        //
        expanded(1, {1, 1}, 3, 16),                   //
        expanded(1, {20, 5}, 16, 64),                 // several blocks of rows
        expanded(2, {7, 6}, 8, 32, {2, 2}),           //
        expanded(2, {5, 5}, 17, 33),                  // tails everywhere
        expanded(40, {2, 2}, 3, 16),                  // small images, several in a block
        expanded(1, {40, 1}, 17, 48),                 // one column
        expanded(1, {3, 40}, 1, 32),                  // one narrow channel
        expanded(2, {7, 8}, 8, 16, {2, 2}, {0, 0}),   // no padding
        expanded(3, {6, 7}, 24, 48, {1, 1}, {0, 0}),  //
        expanded(1, {35, 3}, 8, 32, {2, 2}),  // several blocks of rows, of which some end between windows
        expanded(4, {1, 1}, 24, 16, {2, 2}),  // one pixel for each image
        expanded(2, {6, 5}, 16, 24),          // channels that are not whole vectors
        expanded(1, {9, 10}, 5, 16, {1, 1}, {2, 2}, {5, 5}),
        expanded(2, {12, 9}, 40, 80),
        expanded(1, {11, 13}, 16, 20, {2, 2}, {2, 2}, {5, 5}),
        expanded(3, {5, 4}, 24, 16, {2, 2}),
        expanded(2, {8, 9}, 3, 18, {1, 2}),  // strides that differ
        expanded(2, {17, 6}, 24, 96),        //
        expanded(1, {3, 70}, 20, 112),       // rows of several tiles, of which the last is not full
        expanded(1, {2, 3}, 130, 16),        // more narrow channels than wide ones
        expanded(1, {19, 31}, 16, 40),       // several tiles of a GPU's block, full and not full, both ways
        expanded(1, {35, 18}, 32, 40, {2, 2}),
        expanded(1040, {2, 1}, 8, 16),  // more tiles than blocks
        expanded(1040, {1, 2}, 8, 8, {2, 2}),
        expanded(2, {9, 14}, 24, 40),  // rows of whole tiles of a GPU's block
        expanded(1, {19, 28}, 16, 40, {2, 2}),
        expanded(1, {10, 55}, 32, 24, {2, 2}),
        expanded(1, {5, 27}, 8, 16, {2, 2}),
        expanded(1, {18, 16}, 24, 40, {2, 2}),  // whole tiles at stride 2
        expanded(2, {6, 8}, 16, 48, {2, 2}),
        expanded(1, {17, 16}, 24, 40, {2, 2}),  // … and an odd number of rows
        expanded(2, {20, 24}, 8, 24, {2, 2}),
    };
    const std::vector<Options> options = combinations();
    std::vector<Options> all;
    for (size_t i = 0; i < shapes.size(); ++i)
        all.push_back(with_options_of(shapes[i], options[i % options.size()]));
    return all;
}

/// MobileNetV2's, of rows that are whole tiles of a GPU's block both ways.
std::vector<Options> usual_operands() {
    std::vector<Options> all;
    for (const Options& shape : {expanded(2, {9, 14}, 24, 40), expanded(2, {10, 28}, 16, 40, {2, 2}),
                                 expanded(1, {18, 56}, 24, 40, {2, 2}), expanded(1, {17, 28}, 32, 24)})
        all.push_back(with_options_of(shape, combinations()[1]));
    return all;
}

/// Of windows of an image.
Options windowed(int64_t batch, const InputWindows& windows, int64_t channels, Size2 stride = {1, 1}) {
    const ConvShape expansion = windows.shape(batch, channels);
    Options options = expanded(batch, expansion.out(), expansion.weight_count() / channels, channels, stride);
    options.windows = windows;
    return options;
}

std::vector<Options> with_windows() {
    using enum Activation;
    using enum Statistics;
    std::vector<Options> all{
        windowed(2, first_layer_windows(11, 12), 32),            //
        windowed(1, first_layer_windows(1, 2), 16),              // all but two pixels are padding
        windowed(2, first_layer_windows(33, 58), 24),            // several tiles, not full
        windowed(1, first_layer_windows(36, 62), 40),            // … and more than 32 channels
        windowed(1, first_layer_windows(7, 9), 32),              // rows of an odd number of values
        windowed(2, first_layer_windows(8, 70), 16, {2, 2}),     //
        windowed(530, first_layer_windows(2, 4), 8),             // more tiles than blocks
        windowed(1, {{9, 8}, 5, {3, 3}, {1, 1}, {1, 1}}, 16),    //
        windowed(1, {{10, 12}, 1, {5, 5}, {2, 2}, {2, 2}}, 17),  // tails
        windowed(2, {{8, 12}, 2, {4, 2}, {4, 3}, {0, 1}}, 16),   // windows that do not overlap
        windowed(1, {{9, 9}, 4, {1, 1}, {2, 2}, {0, 0}}, 16),    // … of one pixel
        windowed(1, first_layer_windows(17, 56), 40),            // rows of whole tiles
    };
    const PrologueOptions plain{}, affine{true, identity}, clamp{true, relu6}, half_clamp{true, relu};
    const std::pair<PrologueOptions, Statistics> kinds[]{
        {clamp, differentiated}, {plain, none}, {half_clamp, differentiated}, {affine, written}};
    for (size_t i = 0; i < all.size(); ++i) {
        all[i].prologue = kinds[i % std::size(kinds)].first;
        all[i].statistics = kinds[i % std::size(kinds)].second;
    }
    return all;
}

/// Prologues that are no clamps (kernels/activation.h).
std::vector<Options> with_curves() {
    using enum Activation;
    std::vector<Options> all;
    for (const auto& [narrow, wide] : std::vector<std::pair<PrologueOptions, PrologueOptions>>{
             {{true, silu}, {true, silu}},
             {{true, relu6}, {true, hard_swish}},
             {{false, hard_swish}, {}},
             {{}, {false, silu}},
         }) {
        Options options = expanded(2, {5, 4}, 8, 16);
        options.narrow_prologue = narrow;
        options.prologue = wide;
        options.statistics = Statistics::differentiated;
        all.push_back(options);
    }
    return all;
}

std::vector<Problem> problems_of(const std::vector<Options>& all) {
    std::vector<Problem> problems;
    for (const Options& options : all) problems.push_back(expanded_problem(options));
    return problems;
}

}  // namespace

std::vector<Problem> expanded_conv_problems() {
    std::vector<Options> all = shapes_in_turn();
    for (const Options& shape : {expanded(2, {5, 7}, 8, 16), expanded(1, {18, 6}, 24, 32, {2, 2})})
        for (const Options& options : combinations()) all.push_back(with_options_of(shape, options));
    std::ranges::copy(usual_operands(), std::back_inserter(all));
    // Every other one hands d_x on as it was computed.
    for (size_t i = 1; i < all.size(); i += 2) all[i].wide_d_x = true;
    std::ranges::copy(with_curves(), std::back_inserter(all));
    std::ranges::copy(with_windows(), std::back_inserter(all));
    return problems_of(all);
}

/// MobileNetV2's. Nobody differences these, so x may lie where it will.
std::vector<Problem> expanded_conv_layers() {
    std::vector<Options> layers{
        expanded(1, {112, 112}, 16, 96, {2, 2}),
        expanded(1, {56, 56}, 24, 144),
        expanded(1, {28, 28}, 32, 192),
        expanded(1, {14, 14}, 96, 576),
    };
    for (Options& layer : layers) {
        layer = with_options_of(layer, combinations()[1]);
        layer.off_wide_kinks = false;
    }
    layers.push_back(windowed(1, first_layer_windows(224, 224), 32));
    layers.back().prologue = {true, Activation::relu6};
    layers.back().statistics = Statistics::differentiated;
    layers.back().samples = 6;
    return problems_of(layers);
}

}  // namespace vitrine::gradcheck

// A layer's shape in a line: see layer_shape.h.

#include "lab/common/layer_shape.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "kernels/activation.h"

namespace vitrine::tools {
namespace {

std::string without_batch(const Shape& shape) {
    std::string text;
    for (size_t i = 1; i < shape.rank(); ++i) {
        text += fmt::format("{}{}", text.empty() ? "" : "x", shape.extents()[i]);
    }
    return text.empty() ? "1" : text;
}

/// The smallest stride that takes `in` pixels to `out`, or 0.
int64_t stride_with_padding(int64_t in, int64_t out, int64_t kernel, int64_t padding) {
    const int64_t room = in + 2 * padding - kernel;
    for (int64_t stride = 1; room >= 0 && stride <= in; ++stride) {
        if (room / stride + 1 == out) return stride;
    }
    return 0;
}

/// An event does not tell the padding: first the one that would keep the size, as most layers have it.
int64_t stride_between(int64_t in, int64_t out, int64_t kernel) {
    const int64_t usual = stride_with_padding(in, out, kernel, (kernel - 1) / 2);
    if (usual > 0) return usual;
    for (int64_t padding = 0; padding < kernel; ++padding) {
        const int64_t stride = stride_with_padding(in, out, kernel, padding);
        if (stride > 0) return stride;
    }
    return 1;
}

/// " k3 s2 g4", as far as it is not the pointwise convolution's.
std::string window(const OpEvent& event) {
    const Shape& weight = event.inputs[1].shape();
    const Shape& in = event.inputs[0].shape();
    const bool depthwise = std::string_view(event.op) == "depthwise_conv";
    const int64_t height = weight[depthwise ? 0 : 1], width = weight[depthwise ? 1 : 2];
    std::string text = height == width ? fmt::format(" k{}", height) : fmt::format(" k{}x{}", height, width);
    text += fmt::format(" s{}", stride_between(in[1], event.output().shape()[1], height));
    if (!depthwise && weight[3] != in[3]) text += fmt::format(" g{}", in[3] / weight[3]);
    return text;
}

/// Activations trace themselves under their own names.
bool is_activation(std::string_view op) {
    return std::ranges::any_of(all_activations,
                               [&](Activation activation) { return op == name_of(activation); });
}

/// Its inputs are those of engine/ops/resolve.cpp: x, scale and shift of either term.
std::string terms(const OpEvent& event) {
    const auto name = [&](size_t x) { return event.inputs[x + 1].defined() ? "normalised" : "whole"; };
    return event.inputs[3].defined() ? fmt::format("{} + {}", name(0), name(3)) : name(0);
}

/// Inputs are those of engine/ops/conv.cpp, x, weight, bias, scale and shift, or of global_average_pool.cpp: without the two.
bool has_prologue(const OpEvent& event) {
    const std::string_view op = event.op;
    if (op == "global_average_pool") return event.inputs[1].defined();
    return op.ends_with("_conv") && event.inputs.size() > 3 && event.inputs[3].defined();
}

/// Of an op around a tensor that is not written: "112x112x16 -> 112x112x96 -> 56x56x96 k3 s2 prologue".
std::string expanded_shape(const OpEvent& event, const TracedExpandedConv& conv) {
    const Shape &in = event.inputs[0].shape(), &weight = event.inputs[6].shape();
    std::string text =
        fmt::format("{} -> {} -> {} k{} s{}", without_batch(in), without_batch(conv.expansion.shape),
                    without_batch(event.output().shape()), weight[0], conv.options.stride.height);
    if (event.inputs[4].defined()) text += " prologue";
    return event.inputs[0].requires_gradient() ? text : text + " no d_x";
}

}  // namespace

std::string layer_shape(const OpEvent& event) {
    const std::string_view op = event.op;
    if (const auto* conv = std::get_if<TracedExpandedConv>(&event.options))
        return expanded_shape(event, *conv);
    if (op == "expansion_moments")
        return fmt::format("{} -> {} channels", without_batch(event.inputs[0].shape()),
                           event.output().count());
    if (op == "normalize") return fmt::format("{} channels", event.output().count());
    const Tensor& x = event.inputs[0];
    const std::string in = without_batch(x.shape()), out = without_batch(event.output().shape());
    if (op == "resolve") return fmt::format("{} {}", out, terms(event));
    std::string text = is_activation(op) ? fmt::format("{} {}", op, in) : in;
    if (in != out) text += " -> " + out;
    if (op == "dense_conv" || op == "depthwise_conv") text += window(event);
    if (has_prologue(event)) text += " prologue";
    if ((op.ends_with("_conv") || op == "linear") && !x.requires_gradient()) text += " no d_x";
    return text;
}

}  // namespace vitrine::tools

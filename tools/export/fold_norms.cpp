// Batch norms that became part of convolutions: see fold_norms.h.

#include "tools/export/fold_norms.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <span>
#include <utility>

#include "engine/error.h"

namespace vitrine::exporting {
namespace {

enum ConvInput : size_t { conv_x, conv_weight, conv_bias };
enum NormInput : size_t { norm_x, norm_weight, norm_bias, norm_mean, norm_variance };

std::vector<double> values_of(const Graph& graph, const std::string& name) {
    return graph.parameter(name)->values();
}

/// The convolution that a norm may become a part of, or null.
Node* convolution_before(Graph& graph, const Node& norm) {
    const std::string& x = norm.inputs[norm_x];
    const auto conv = std::ranges::find(graph.nodes, x, &Node::output);
    const bool folds = conv != graph.nodes.end() && conv->op.ends_with("_conv") && graph.readers(x) == 1 &&
                       graph.readers(conv->inputs[conv_weight]) == 1;
    return folds ? &*conv : nullptr;
}

SafeTensor checked(SafeTensor tensor) {
    const std::vector<double> values = tensor.values();
    if (!std::ranges::all_of(values, [](double value) { return std::isfinite(value); }))
        throw Error(fmt::format(
            "{} with the batch norm behind it folded in is too large for f32: use --fold-norms off",
            tensor.name));
    return tensor;
}

void fold(Graph& graph, const Node& norm, Node& conv) {
    const std::vector<double> gamma = values_of(graph, norm.inputs[norm_weight]);
    const std::vector<double> beta = values_of(graph, norm.inputs[norm_bias]);
    const std::vector<double> mean = values_of(graph, norm.inputs[norm_mean]);
    const std::vector<double> variance = values_of(graph, norm.inputs[norm_variance]);
    const double epsilon = std::get<ops::BatchNormOptions>(norm.options).epsilon;
    const size_t channels = gamma.size();

    SafeTensor& weight = *graph.parameter(conv.inputs[conv_weight]);
    std::vector<double> weights = weight.values();
    const std::string& old_bias = conv.inputs[conv_bias];
    std::vector<double> bias = old_bias.empty() ? std::vector<double>(channels) : values_of(graph, old_bias);
    const size_t each = weights.size() / channels;  // of an output channel, the first axis
    for (size_t c = 0; c < channels; ++c) {
        const double scale = gamma[c] / std::sqrt(variance[c] + epsilon);
        for (double& w : std::span(weights).subspan(c * each, each)) w *= scale;
        bias[c] = beta[c] + (bias[c] - mean[c]) * scale;
    }
    weight = checked(SafeTensor::f32(weight.name, weight.shape, weights));
    SafeTensor folded = checked(SafeTensor::f32(norm.inputs[norm_bias], {std::ssize(bias)}, bias));
    *graph.parameter(folded.name) = folded;
    conv.inputs[conv_bias] = folded.name;
    conv.output = norm.output;
}

}  // namespace

void fold_norms(Graph& graph) {
    for (size_t i = 0; i < graph.nodes.size(); ++i) {
        const Node norm = graph.nodes[i];
        Node* const conv = norm.op == "batch_norm" ? convolution_before(graph, norm) : nullptr;
        if (conv == nullptr) continue;
        fold(graph, norm, *conv);
        graph.nodes.erase(graph.nodes.begin() + static_cast<ptrdiff_t>(i--));
    }
    std::erase_if(graph.parameters,
                  [&](const SafeTensor& parameter) { return graph.readers(parameter.name) == 0; });
}

}  // namespace vitrine::exporting

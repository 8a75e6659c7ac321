// The form of each op in ONNX: see onnx_ops.h.

#include "tools/export/onnx_ops.h"

#include <fmt/format.h>

#include <map>

#include "engine/error.h"

namespace vitrine::exporting {
namespace {

using Adder = void (*)(OnnxBuilder& builder, const Graph& graph, const Node& node);

void set_window(onnx::NodeProto& node, Size2 kernel, Size2 stride, Size2 padding) {
    set_attribute(node, "kernel_shape", {kernel.height, kernel.width});
    set_attribute(node, "strides", {stride.height, stride.width});
    set_attribute(node, "pads", {padding.height, padding.width, padding.height, padding.width});
}

void add_conv(OnnxBuilder& builder, const Graph& graph, const Node& node) {
    const Shape& weight = graph.parameter(node.inputs[1])->shape;  // [O, I / groups, kernel, kernel]
    const auto& options = std::get<TracedConv>(node.options).options;
    std::vector<std::string> inputs{node.inputs[0], node.inputs[1]};
    if (!node.inputs[2].empty()) inputs.push_back(node.inputs[2]);
    onnx::NodeProto& conv = builder.node("Conv", inputs, node.output);
    set_window(conv, {weight[2], weight[3]}, options.stride, options.padding);
    // A depthwise weight says by its shape that each channel is a group.
    set_attribute(conv, "group", node.op == "depthwise_conv" ? weight[0] : options.groups);
}

void add_batch_norm(OnnxBuilder& builder, const Graph&, const Node& node) {
    onnx::NodeProto& norm = builder.node("BatchNormalization", node.inputs, node.output);
    set_attribute(norm, "epsilon", static_cast<float>(std::get<ops::BatchNormOptions>(node.options).epsilon));
}

void add_relu(OnnxBuilder& builder, const Graph&, const Node& node) {
    builder.node("Relu", node.inputs, node.output);
}

void add_relu6(OnnxBuilder& builder, const Graph&, const Node& node) {
    builder.node("Clip",
                 {node.inputs[0], builder.constant("relu6.low", {}, {0.0f}),
                  builder.constant("relu6.high", {}, {6.0f})},
                 node.output);
}

/// x times a gate of x, which is a node of its own.
onnx::NodeProto& add_gated(OnnxBuilder& builder, const Node& node, const char* gate) {
    const std::string name = node.output + ".gate";
    onnx::NodeProto& made = builder.node(gate, node.inputs, name);
    builder.node("Mul", {node.inputs[0], name}, node.output);
    return made;
}

void add_silu(OnnxBuilder& builder, const Graph&, const Node& node) { add_gated(builder, node, "Sigmoid"); }

/// x · clamp(x / 6 + 1/2, 0, 1)
void add_hard_swish(OnnxBuilder& builder, const Graph&, const Node& node) {
    onnx::NodeProto& gate = add_gated(builder, node, "HardSigmoid");
    set_attribute(gate, "alpha", 1.0f / 6.0f);
    set_attribute(gate, "beta", 0.5f);
}

void add_sum(OnnxBuilder& builder, const Graph&, const Node& node) {
    builder.node("Add", node.inputs, node.output);
}

void add_max_pool(OnnxBuilder& builder, const Graph&, const Node& node) {
    const auto& options = std::get<ops::PoolOptions>(node.options);
    onnx::NodeProto& pool = builder.node("MaxPool", node.inputs, node.output);
    set_window(pool, options.kernel, options.stride, options.padding);
}

void add_average_pool(OnnxBuilder& builder, const Graph&, const Node& node) {
    const auto& options = std::get<ops::PoolOptions>(node.options);
    onnx::NodeProto& pool = builder.node("AveragePool", node.inputs, node.output);
    set_window(pool, options.kernel, options.stride, options.padding);
    set_attribute(pool, "count_include_pad", int64_t{1});
}

void add_global_average_pool(OnnxBuilder& builder, const Graph&, const Node& node) {
    const std::string pooled = node.output + ".pooled";           // [N, C, 1, 1]
    builder.node("GlobalAveragePool", {node.inputs[0]}, pooled);  // unfused, nothing is pending of it
    builder.node("Flatten", {pooled}, node.output);
}

/// Of each image its numbers in a row; in PyTorch's order here, and so is the weight that reads them.
void add_reshape(OnnxBuilder& builder, const Graph&, const Node& node) {
    builder.node("Flatten", node.inputs, node.output);
}

void add_linear(OnnxBuilder& builder, const Graph&, const Node& node) {
    std::vector<std::string> inputs{node.inputs[0], node.inputs[1]};
    if (!node.inputs[2].empty()) inputs.push_back(node.inputs[2]);
    set_attribute(builder.node("Gemm", inputs, node.output), "transB", int64_t{1});
}

const std::map<std::string, Adder>& adders() {
    static const std::map<std::string, Adder> by_op{{"pointwise_conv", add_conv},
                                                    {"depthwise_conv", add_conv},
                                                    {"dense_conv", add_conv},
                                                    {"batch_norm", add_batch_norm},
                                                    {"relu", add_relu},
                                                    {"relu6", add_relu6},
                                                    {"silu", add_silu},
                                                    {"hard_swish", add_hard_swish},
                                                    {"add", add_sum},
                                                    {"max_pool", add_max_pool},
                                                    {"average_pool", add_average_pool},
                                                    {"global_average_pool", add_global_average_pool},
                                                    {"reshape", add_reshape},
                                                    {"linear", add_linear}};
    return by_op;
}

onnx::AttributeProto& add_attribute(onnx::NodeProto& node, const char* name,
                                    onnx::AttributeProto::AttributeType type) {
    onnx::AttributeProto& attribute = *node.add_attribute();
    attribute.set_name(name);
    attribute.set_type(type);
    return attribute;
}

}  // namespace

onnx::NodeProto& OnnxBuilder::node(const std::string& type, const std::vector<std::string>& inputs,
                                   const std::string& output) {
    onnx::NodeProto& node = *graph_.add_node();
    node.set_name(output);
    node.set_op_type(type);
    for (const std::string& input : inputs) node.add_input(input);
    node.add_output(output);
    return node;
}

std::string OnnxBuilder::constant(const std::string& name, const std::vector<int64_t>& shape,
                                  const std::vector<float>& values) {
    if (!constants_.insert(name).second) return name;
    parameter(SafeTensor::f32(name, Shape(shape), std::vector<double>(values.begin(), values.end())));
    return name;
}

void OnnxBuilder::parameter(const SafeTensor& tensor) {
    onnx::TensorProto& made = *graph_.add_initializer();
    made.set_name(tensor.name);
    made.set_data_type(onnx::TensorProto::FLOAT);
    for (const int64_t extent : tensor.shape.extents()) made.add_dims(extent);
    made.set_raw_data(tensor.bytes);
}

void set_attribute(onnx::NodeProto& node, const char* name, int64_t value) {
    add_attribute(node, name, onnx::AttributeProto::INT).set_i(value);
}

void set_attribute(onnx::NodeProto& node, const char* name, float value) {
    add_attribute(node, name, onnx::AttributeProto::FLOAT).set_f(value);
}

void set_attribute(onnx::NodeProto& node, const char* name, std::initializer_list<int64_t> values) {
    onnx::AttributeProto& attribute = add_attribute(node, name, onnx::AttributeProto::INTS);
    for (const int64_t value : values) attribute.add_ints(value);
}

void add_op(OnnxBuilder& builder, const Graph& graph, const Node& node) {
    const auto adder = adders().find(node.op);
    if (adder == adders().end())
        throw Error(fmt::format("--to onnx: the op {} of module {} has no form there", node.op, node.module));
    adder->second(builder, graph, node);
}

}  // namespace vitrine::exporting

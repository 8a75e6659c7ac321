// A graph as an ONNX file: see onnx_file.h.

#include "tools/export/onnx_file.h"

#include <fmt/format.h>

#include <limits>

#include "engine/error.h"
#include "tools/common/units.h"
#include "tools/export/onnx_ops.h"

namespace vitrine::exporting {
namespace {

constexpr int64_t ir_version = 7, opset = 12;  // both of ONNX 1.7

/// Of any number of images.
void describe_value(onnx::ValueInfoProto& value, const std::string& name, onnx::TensorProto::DataType type,
                    std::initializer_list<int64_t> extents) {
    value.set_name(name);
    onnx::TypeProto::Tensor& tensor = *value.mutable_type()->mutable_tensor_type();
    tensor.set_elem_type(type);
    tensor.mutable_shape()->add_dim()->set_dim_param("N");
    for (const int64_t extent : extents) tensor.mutable_shape()->add_dim()->set_dim_value(extent);
}

/// From pixels to what the network takes, as engine/ops/finish_images.cpp does it.
void add_normalization(OnnxBuilder& builder, const std::string& pixels, const ChannelNormalization& normalize,
                       const std::string& images) {
    std::vector<float> scale, shift;
    for (size_t c = 0; c < 3; ++c) {
        scale.push_back(static_cast<float>(1 / (255 * normalize.stddev[c])));
        shift.push_back(static_cast<float>(-normalize.mean[c] / normalize.stddev[c]));
    }
    set_attribute(builder.node("Cast", {pixels}, "pixels.f32"), "to", int64_t{onnx::TensorProto::FLOAT});
    builder.node("Mul", {"pixels.f32", builder.constant("pixels.scale", {1, 1, 1, 3}, scale)},
                 "pixels.scaled");
    builder.node("Add", {"pixels.scaled", builder.constant("pixels.shift", {1, 1, 1, 3}, shift)},
                 "pixels.normalized");
    set_attribute(builder.node("Transpose", {"pixels.normalized"}, images), "perm", {0, 3, 1, 2});
}

std::string serialized(const onnx::ModelProto& model) {
    const size_t bytes = model.ByteSizeLong();
    if (bytes > static_cast<size_t>(std::numeric_limits<int32_t>::max()))
        throw Error(fmt::format("--to onnx: the model takes {}, but such a file holds no more than 2.1 GB",
                                tools::bytes_text(static_cast<int64_t>(bytes))));
    return model.SerializeAsString();
}

}  // namespace

std::string onnx_file(const Graph& source, const OnnxOptions& options) {
    onnx::ModelProto model;
    model.set_ir_version(ir_version);
    onnx::OperatorSetIdProto& operators = *model.add_opset_import();
    operators.set_domain("");
    operators.set_version(opset);
    model.set_producer_name("vitrine");

    onnx::GraphProto& graph = *model.mutable_graph();
    graph.set_name("model");
    OnnxBuilder builder(graph);
    const int64_t side = source.image_size;
    if (options.normalize) {
        describe_value(*graph.add_input(), "pixels", onnx::TensorProto::UINT8, {side, side, 3});
        add_normalization(builder, "pixels", *options.normalize, source.input);
    } else {
        describe_value(*graph.add_input(), source.input, onnx::TensorProto::FLOAT, {3, side, side});
    }
    for (const Node& node : source.nodes) add_op(builder, source, node);
    for (const SafeTensor& parameter : source.parameters) builder.parameter(parameter);
    describe_value(*graph.add_output(), source.output, onnx::TensorProto::FLOAT, {source.classes});
    for (const auto& [key, value] : options.metadata) {
        onnx::StringStringEntryProto& entry = *model.add_metadata_props();
        entry.set_key(key);
        entry.set_value(value);
    }
    return serialized(model);
}

}  // namespace vitrine::exporting

// The form of each op in ONNX.
#pragma once

#include <onnx/onnx_pb.h>

#include <initializer_list>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "tools/export/graph.h"

namespace vitrine::exporting {

/// Puts nodes and constants into an ONNX graph.
class OnnxBuilder {
  public:
    explicit OnnxBuilder(onnx::GraphProto& graph) : graph_(graph) {}

    /// A node without attributes.
    onnx::NodeProto& node(const std::string& type, const std::vector<std::string>& inputs,
                          const std::string& output);
    /// A constant under this name, once. Returns the name.
    std::string constant(const std::string& name, const std::vector<int64_t>& shape,
                         const std::vector<float>& values);
    void parameter(const SafeTensor& tensor);

  private:
    onnx::GraphProto& graph_;
    std::set<std::string> constants_;
};

void set_attribute(onnx::NodeProto& node, const char* name, int64_t value);
void set_attribute(onnx::NodeProto& node, const char* name, float value);
void set_attribute(onnx::NodeProto& node, const char* name, std::initializer_list<int64_t> values);

/// Adds what the op is in ONNX. Throws Error where it is nothing there.
void add_op(OnnxBuilder& builder, const Graph& graph, const Node& node);

}  // namespace vitrine::exporting

// ONNX by the letter: a graph's output as the definition of each operator has it, in f64 and plain loops. It knows the
// operators that export writes, and nothing of Vitrine's own kernels.
#pragma once

#include <onnx/onnx_pb.h>

#include <cstdint>
#include <vector>

namespace vitrine::tests {

struct Array {
    std::vector<int64_t> shape;
    std::vector<double> values;
};

/// The graph's only output. Throws std::runtime_error for what it does not know: an operator, an attribute, a type.
Array evaluate(const onnx::GraphProto& graph, const Array& input);

}  // namespace vitrine::tests

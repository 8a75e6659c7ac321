// A graph as an ONNX file: opset 12 and IR version 7 of ONNX 1.7 (2020), which every ONNX Runtime from 1.3 on takes.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "data/transforms/pipeline.h"
#include "tools/export/graph.h"

namespace vitrine::exporting {

struct OnnxOptions {
    /// Where the network is given pixels, u8 [N, H, W, 3], this is done to them in the graph; else it is given what is
    /// normalised already, f32 [N, 3, H, W].
    std::optional<ChannelNormalization> normalize;
    std::map<std::string, std::string> metadata;  // for metadata_props
};

/// The bytes of the file: always the same for the same graph. Throws Error where an op has no form in ONNX, where the model
/// is too large for a file of this kind, or where this program was built without ONNX.
std::string onnx_file(const Graph& graph, const OnnxOptions& options);

}  // namespace vitrine::exporting

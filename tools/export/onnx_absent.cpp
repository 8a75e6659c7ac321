// In the place of onnx_file.cpp and onnx_ops.cpp where this was built without ONNX.

#include "engine/error.h"
#include "tools/export/onnx_file.h"

namespace vitrine::exporting {

std::string onnx_file(const Graph&, const OnnxOptions&) {
    throw Error(
        "--to onnx: this program was built without ONNX; install libonnx-dev and libprotobuf-dev, configure "
        "and "
        "build it again");
}

}  // namespace vitrine::exporting

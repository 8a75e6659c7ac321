// The command line of export.
#pragma once

#include <optional>
#include <string>

#include "tools/common/given_model.h"

namespace vitrine::exporting {

enum class Format { onnx, pth, safetensors };

/// Which of a checkpoint's weights.
enum class Weights { averaged, plain };

/// What an ONNX file is given: images that are normalised, or their pixels.
enum class OnnxInput { normalized, pixels };

struct Options {
    std::string file;
    Format format{};
    std::string output;  // empty: `file` with the format's ending
    std::optional<Weights> weights;
    bool optimizer = false;          // its state too; of pth
    std::optional<OnnxInput> input;  // of ONNX
    std::optional<bool> fold_norms;  // in ONNX
    tools::GivenModel given;
};

/// ".onnx", ".pth", ".safetensors"
std::string ending_of(Format format);

/// Throws Error or CLI::ParseError; prints the help and throws CLI::CallForHelp if it is asked for.
Options parse_options(int argc, const char* const* argv);

}  // namespace vitrine::exporting

// The command line of export.
#pragma once

#include <optional>
#include <string>

#include "tools/common/given_model.h"

namespace vitrine::exporting {

enum class Format { pth, safetensors };

/// Which of a checkpoint's weights.
enum class Weights { averaged, plain };

struct Options {
    std::string file;
    Format format{};
    std::string output;  // empty: `file` with the format's ending
    std::optional<Weights> weights;
    tools::GivenModel given;
};

/// ".pth", ".safetensors"
std::string ending_of(Format format);

/// Throws Error or CLI::ParseError; prints the help and throws CLI::CallForHelp if it is asked for.
Options parse_options(int argc, const char* const* argv);

}  // namespace vitrine::exporting

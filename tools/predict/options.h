// The command line of predict.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tools/common/given_model.h"

namespace vitrine::predict {

struct Options {
    std::string checkpoint;
    std::vector<std::string> inputs;  // images, folders, a table of images
    int64_t top = 1;
    std::string csv;
    std::string image_column, label_column;  // of a table of images; empty: told by their names
    std::string logits;
    bool strict = false;
    int64_t batch_size = 64;
    int threads = 0;  // 0: one for each core
    std::string device = "auto";
    tools::GivenModel given;
};

/// Throws Error or CLI::ParseError; prints the help and throws CLI::CallForHelp if it is asked for.
Options parse_options(int argc, const char* const* argv);

}  // namespace vitrine::predict

// The command line of predict.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tools/common/given_model.h"

namespace vitrine::predict {

struct Options {
    std::string checkpoint;
    std::vector<std::string> inputs;  // images and folders
    int64_t top = 1;
    std::string csv;
    bool strict = false;
    int64_t batch_size = 64;
    int threads = 0;  // 0: one for each core
    std::string device = "auto";
    tools::GivenModel given;
};

/// Throws Error or CLI::ParseError; prints the help and throws CLI::CallForHelp if it is asked for.
Options parse_options(int argc, const char* const* argv);

}  // namespace vitrine::predict

// The command line of predict.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "models/models.h"

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

    // For a checkpoint that does not say what it holds
    std::optional<std::string> model;
    std::vector<models::GivenOption> model_options;
    std::optional<int64_t> image_size;
};

/// Throws Error or CLI::ParseError; prints the help and throws CLI::CallForHelp if it is asked for.
Options parse_options(int argc, const char* const* argv);

}  // namespace vitrine::predict

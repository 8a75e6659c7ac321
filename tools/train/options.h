// The command line of train.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "engine/optim/schedule.h"

namespace vitrine::train {

struct Options {
    // Data; see data/dataset.h for what each means
    std::string data;  // empty: Debian's Fashion-MNIST
    std::string dataset = "auto";
    int64_t image_size = 0;  // 0: the data's own, rounded up to what the model can use whole
    double subset = 1.0;
    std::optional<double> validation;
    bool strict = false;
    std::string cache;

    // Model
    std::optional<std::string> model;
    std::optional<double> width_mult, dropout;

    // Training
    int64_t epochs = 6;
    int64_t batch_size = 64;
    std::optional<double> learning_rate;
    optim::ScheduleKind schedule = optim::ScheduleKind::one_cycle;
    double momentum = 0.9;
    bool nesterov = false;
    double weight_decay = 1e-4;
    double label_smoothing = 0.0;
    std::optional<int64_t> max_steps;
    uint64_t seed = 0;

    // Machine
    std::string device = "auto";
    std::vector<std::string> implementations;  // op=name
    int threads = 0;                           // 0: one for each core
    bool check_kernels = false;                // on the simt device

    // Output
    std::string out;  // empty: a new folder below runs/
    bool overwrite = false;
    bool json = false;
    bool quiet = false;

    // Instead of training
    std::string eval_only;
    bool summary = false;
    int64_t classes = 10;  // of the summary

    std::string model_name() const { return model.value_or("basic_block_net"); }
    /// Of the option, or what was found to suit the model on Fashion-MNIST with the other defaults.
    double resolved_learning_rate() const;
};

/// Every value is checked by itself and against the others. Throws Error or CLI::ParseError; prints the help
/// and throws CLI::CallForHelp if it is asked for.
Options parse_options(int argc, const char* const* argv);

}  // namespace vitrine::train

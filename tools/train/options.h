// The command line of train.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "models/models.h"
#include "tools/recipe/recipe.h"
#include "tools/train/run_folder.h"

namespace vitrine::train {

/// A part of a data set, for --eval-only.
enum class Split { train, val, all };

struct Options {
    /// The recipe file with --set and the other flags put into it; without a file, a short run of one phase.
    recipe::Recipe recipe;
    std::string cache;
    bool verify_cache = false;

    // What ends the run before the recipe does; a later run goes on from there.
    std::optional<int64_t> max_steps;
    std::optional<double> max_minutes;

    // Machine
    std::string device = "auto";
    std::vector<std::string> implementations;  // op=name
    int threads = 0;                           // 0: one for each core
    std::string autotune;                      // the file of tried implementations; empty: they are not tried
    bool check_kernels = false;                // on the simt device
    double process_minutes = 10.0;             // that a process waits for another one
    std::string collective;                    // how several exchange gradients; empty: the best there is

    // Output
    std::string out;  // empty: a new folder below runs/
    Existing existing = Existing::resume;
    bool json = false;
    bool quiet = false;
    bool tensorboard = false;
    int64_t dump_batches = 0;

    // Instead of training
    std::string eval_only;
    std::optional<Split> split;  // of the data, to measure
    bool summary = false;
    int64_t classes = 10;  // of the summary
    bool show_schedule = false;
    bool show_recipe = false;
    bool overfit_one_batch = false;
    std::optional<int64_t> preview;  // rows of the sheet

    // As given on the command line, for what a checkpoint must agree with.
    std::optional<std::string> model;
    std::vector<models::GivenOption> model_options;
    // And what it must not be left to a recipe to ask for.
    std::optional<double> validation;
};

/// Every value is checked by itself and against the others. Throws Error or CLI::ParseError; prints the help
/// and throws CLI::CallForHelp if it is asked for.
Options parse_options(int argc, const char* const* argv);

}  // namespace vitrine::train

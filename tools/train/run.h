// What train does: trains, or one of the other modes.
#pragma once

#include <filesystem>

#include "data/dataset.h"
#include "tools/train/options.h"
#include "tools/train/ranks.h"
#include "tools/train/reporter.h"

namespace vitrine::train {

/// Returns the exit code of the program; throws Error for what the user can put right. Of several processes, the first one alone
/// does what is not training.
int run(const Options& options, Ranks& ranks);

// The modes; each returns the exit code.

/// Runs the recipe, or goes on with it.
int train(const Options& options, Reporter& reporter, Ranks& ranks);
/// --eval-only
int evaluate_only(const Options& options, Reporter& reporter);
/// --overfit-one-batch: 0 if the batch could be learnt by heart, else 1.
int overfit_one_batch(const Options& options, Reporter& reporter);
/// --summary: the layer table on the standard output.
int print_summary(const Options& options);
/// --show-schedule, on the standard output.
int show_schedule(const Options& options, Reporter& reporter);
/// A PNG of so many training images; throws Error where it cannot be written.
void write_preview_sheet(const std::filesystem::path& path, const recipe::Recipe& recipe,
                         const Dataset& dataset, int64_t rows);
/// --preview
int write_preview(const Options& options, Reporter& reporter);

}  // namespace vitrine::train

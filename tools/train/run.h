// What train does: trains, evaluates or summarises.
#pragma once

#include "tools/train/options.h"

namespace vitrine::train {

/// Returns the exit code of the program; throws Error for what the user can put right.
int run(const Options& options);

/// The layer table on the standard output.
int print_summary(const Options& options);

}  // namespace vitrine::train

// A step of a run: what its recipe, its data and its weights say.
#pragma once

#include "lab/inspect/source/step_source.h"

namespace vitrine::inspect {

/// Throws Error where the file is neither a recipe nor a model that says what it is, or its data do not fit.
PreparedStep of_run(const StepSource& source, Placement placement);

/// Random pixels for a model that has so many classes.
void put_random_batch(const StepSource& source, int64_t size, int64_t classes, Placement placement,
                      PreparedStep& step);

}  // namespace vitrine::inspect

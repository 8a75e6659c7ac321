// The report of ops: every implementation of the chosen kernels at the shapes of real models.
#pragma once

#include <functional>
#include <vector>

#include "lab/gradcheck/harness/check.h"
#include "lab/gradcheck/report/entry.h"

namespace vitrine::gradcheck {

using ReportSink = std::function<void(const ReportEntry&)>;

/// Runs the layers of the suites on the simt device in f32, in the executor's eyes. A backward pass runs with
/// all gradients and, where it has several, with each alone. Throws Error if a launch goes wrong.
void report_ops(const std::vector<Suite>& suites, const Selection& selection, const ReportSink& sink);

/// One problem of it: what report_ops does with each layer.
void report_problem(const Problem& problem, const Selection& selection, const ReportSink& sink);

}  // namespace vitrine::gradcheck

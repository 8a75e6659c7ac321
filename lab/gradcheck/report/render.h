// The report as text and as JSON.
#pragma once

#include <string>

#include "lab/common/gpus.h"
#include "lab/gradcheck/report/entry.h"

namespace vitrine::gradcheck {

using tools::Gpu;
using tools::gpu_from_name;

/// An entry: its call with the least that it costs, a line for each kernel that it launches, and the source
/// lines if asked for.
std::string report_text(const ReportEntry& entry, const Gpu& gpu, bool lines);
/// One object on one line.
std::string report_json(const ReportEntry& entry, const Gpu& gpu, bool lines);

/// The kernels of all entries, the one with the longest time first, and their sum.
std::string summary_text(const std::vector<ReportEntry>& entries, const Gpu& gpu);

}  // namespace vitrine::gradcheck

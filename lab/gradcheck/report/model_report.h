// The report of a training step: every launch of it, grouped by kernel and shape.
#pragma once

#include <string>
#include <vector>

#include "lab/gradcheck/report/entry.h"

namespace vitrine::gradcheck {

struct ModelReportOptions {
    std::string model;
    int64_t image_size = 0;  // 0: what the model was made for
    int64_t batch_size = 2;
    int64_t classes = 10;
    DType precision = DType::f32;
};

/// Runs one step on the simt device and then a second, which is counted. One entry for each kernel and shape of a layer, in
/// order of their first calls, fused or not as --fusion says (engine/fusion.h). Throws Error if there is no such model.
std::vector<ReportEntry> report_model(const ModelReportOptions& options);

}  // namespace vitrine::gradcheck

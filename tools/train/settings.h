// What a run came to once data, model and machine were known.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "data/repeated_images.h"
#include "tools/common/device_choice.h"
#include "tools/common/model_file.h"
#include "tools/train/class_weights.h"
#include "tools/train/metrics.h"
#include "tools/train/phase_plan.h"

namespace vitrine::train {

struct RunInfo {
    const recipe::Recipe& recipe;
    const RunPlan& plan;
    const Dataset& dataset;
    const DatasetIdentity& identity;
    const RepeatedImages& repeated;
    const Transforms& transforms;
    const tools::ModelDescription& description;
    const tools::DeviceChoice& device;
    const ClassWeights& class_weights;
    int64_t parameters;
    int processes;
};

/// Those that a run of this recipe judges and keeps.
Weights judged_weights(const recipe::Recipe& recipe);

/// run.json, but for how the run ends (run_ending.h).
Json settings(const RunInfo& info);

/// The same for people: a head and a line each, both pipelines and every phase among them.
std::vector<std::pair<std::string, std::string>> headlines(const RunInfo& info, const std::string& folder);

}  // namespace vitrine::train

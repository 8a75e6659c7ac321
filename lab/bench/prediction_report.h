// What bench step --predict prints.
#pragma once

#include <string>

#include "lab/bench/predict_step.h"

namespace vitrine::tools {

/// For people, or one JSON object.
std::string format_prediction(const StepBenchOptions& options, const StepPrediction& prediction);
std::string format_prediction_json(const StepBenchOptions& options, const StepPrediction& prediction);

}  // namespace vitrine::tools

// Why any number of a captured step is what it is.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "lab/inspect/capture/captured_step.h"
#include "lab/inspect/terms/explanation.h"
#include "lab/inspect/terms/op_view.h"

namespace vitrine::inspect {

class Explainer {
  public:
    /// Of a step that outlives it. `kept`: how many terms are told one by one.
    explicit Explainer(const CapturedStep& step, size_t kept = 24) : values_(step), kept_(kept) {}

    /// An element of a tensor, by their numbers (op_view.h). Each throws Error in a sentence where there is nothing to explain.
    Explanation value(int tensor, int64_t element);     // that an op left
    Explanation gradient(int tensor, int64_t element);  // one that came
    /// A parameter's value after the update.
    Explanation update(const CapturedParameter& parameter, int64_t element);

  private:
    Explanation finished(Explanation explanation, std::string what, DType dtype, double stored) const;

    StepValues values_;
    size_t kept_;
};

/// "features.3.conv.1.0", "features.0.0 (mean)" of an op's later outputs, a parameter's own name.
std::string display_name(const CapturedStep& step, int tensor);

/// Whether value() and gradient() have something to say.
bool has_terms(const CapturedStep& step, int tensor);
bool has_gradient_terms(const CapturedStep& step, int tensor);

}  // namespace vitrine::inspect

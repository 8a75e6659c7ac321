// Why any number of a captured step is what it is.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "lab/inspect/capture/captured_step.h"
#include "lab/inspect/terms/batch.h"
#include "lab/inspect/terms/explanation.h"
#include "lab/inspect/terms/op_view.h"
#include "lab/inspect/terms/term_writer.h"

namespace vitrine::inspect {

class Explainer {
  public:
    /// Of a step that outlives it. `kept`: how many terms are told one by one.
    explicit Explainer(const CapturedStep& step, size_t kept = 24);

    /// An element of a tensor, by their numbers (op_view.h). Each throws Error in a sentence where there is nothing to explain.
    Explanation value(int tensor, int64_t element);     // that an op left, or of the batch
    Explanation gradient(int tensor, int64_t element);  // one that came
    /// A parameter's value after the update, a running mean's or variance's after the batch.
    Explanation update(const CapturedParameter& parameter, int64_t element);

  private:
    /// Whether it is a batch norm's running statistic.
    bool write_running_update(const CapturedParameter& parameter, int64_t element, TermWriter& writer);
    Explanation finished(Explanation explanation, std::string what, DType dtype, double stored) const;

    StepValues values_;
    std::optional<BatchTerms> batch_;  // where it is known how the batch was made
    size_t kept_;
};

/// "features.3.conv.1.0", "features.0.0 (mean)" of an op's later outputs, a parameter's own name.
std::string display_name(const CapturedStep& step, int tensor);

/// Whether value() and gradient() have something to say.
bool has_terms(const CapturedStep& step, int tensor);
bool has_gradient_terms(const CapturedStep& step, int tensor);

}  // namespace vitrine::inspect

// Batch norms that became part of the convolutions before them.
#pragma once

#include "tools/export/graph.h"

namespace vitrine::exporting {

/// In evaluation mode a batch norm multiplies each channel by s = γ / √(σ² + ε) and shifts it, and so it can be told to the
/// convolution before it: weight · s, and β + (bias − μ) · s for its bias. Computed in f64, rounded once. Norms of what is
/// read elsewhere too stay as they are. Throws Error where a weight becomes too large for f32.
void fold_norms(Graph& graph);

}  // namespace vitrine::exporting

// How quickly this processor multiplies whole vectors beside halves of them.
#pragma once

#include <optional>

namespace vitrine::cpu {

/// Whether a multiply-add of a whole vector takes as long as one of half a vector. Where it takes twice as long (Zen 4's 512 bits
/// go through units of 256 in two turns; some have one unit that wide and two of the half), halves that fit a narrow matrix
/// better are quicker. Measured once, in a fraction of a millisecond: what is chosen by it must not change a result's bits.
bool whole_vectors_keep_pace();

/// Instead of what was measured; nothing: that again. For tests.
void assume_vector_pace(std::optional<bool> keeps_pace);

}  // namespace vitrine::cpu

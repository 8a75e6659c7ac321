// Whether models are run fused (engine/pending.h), as somebody chose with --fusion.
#pragma once

#include "kernels/device.h"

namespace vitrine {

enum class Fusion { automatic, on, off };

/// For models that are made from now on.
void set_fusion(Fusion fusion);
Fusion chosen_fusion();

/// As chosen; else everywhere but on the reference device, which runs each op by itself: it is what the others are
/// compared with.
bool fuses(Device device);

}  // namespace vitrine

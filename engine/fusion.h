// Whether models are run fused (engine/pending.h), as somebody chose with --fusion.
#pragma once

#include "kernels/device.h"

namespace vitrine {

enum class Fusion {
    automatic,
    on,
    written,  // on, but every convolution writes its output: for who looks at tensors, and to compare with
    off
};

/// For models that are made from now on.
void set_fusion(Fusion fusion);
Fusion chosen_fusion();

/// As chosen; else everywhere but on the reference device, which runs each op by itself: it is what the others are
/// compared with.
bool fuses(Device device);
/// Whether models write what they might leave unwritten (Pending::expansion).
bool writes_all();

/// As --fusion is given: "written".
const char* name_of(Fusion fusion);

}  // namespace vitrine

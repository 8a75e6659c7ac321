// Other kernels in place of a device's own: those with planted defects in tests, those that choose by trying (autotune.h).
#pragma once

#include "kernels/kernels.h"

namespace vitrine {

/// While it lives, kernels(device) is this table, which must live as long. One at a time.
class ReplacedKernels {
  public:
    ReplacedKernels(Device device, const KernelTable& table);
    ~ReplacedKernels();
    ReplacedKernels(const ReplacedKernels&) = delete;
    ReplacedKernels& operator=(const ReplacedKernels&) = delete;
};

}  // namespace vitrine

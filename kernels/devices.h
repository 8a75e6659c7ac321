// What each device's folder defines: its table of kernels, its runtime and its timing. A device that is not
// part of this build defines them in absent.cpp, where they throw.
#pragma once

#include "kernels/kernels.h"
#include "kernels/runtime.h"
#include "kernels/timing.h"

namespace vitrine {

#define DEVICE(device)          \
    namespace device {          \
    const KernelTable& table(); \
    const Runtime& runtime();   \
    const Timing& timing();     \
    }
DEVICE(reference)
DEVICE(cpu)
DEVICE(cuda)
DEVICE(simt)
#undef DEVICE

/// Memory of the host, aligned to 256 bytes: the runtime of `reference` and `cpu`.
const Runtime& host_runtime();

/// Their timing: the host's clock and peaks.
const Timing& host_timing();

}  // namespace vitrine

// What each device's folder defines: its table of kernels and its runtime. A device that is not part of this
// build defines both in absent.cpp, where they throw.
#pragma once

#include "kernels/kernels.h"
#include "kernels/runtime.h"

namespace vitrine {

#define DEVICE(device)          \
    namespace device {          \
    const KernelTable& table(); \
    const Runtime& runtime();   \
    }
DEVICE(reference)
DEVICE(cpu)
DEVICE(cuda)
DEVICE(simt)
#undef DEVICE

/// Memory of the host, aligned to 256 bytes: the runtime of `reference` and `cpu`.
const Runtime& host_runtime();

}  // namespace vitrine

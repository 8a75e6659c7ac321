// What each device's folder defines: its table of kernels, its runtime and its timing; a GPU's also whether
// there is one. A device that is not part of this build defines them in absent.cpp, where they throw.
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

/// Throw UnusableDevice if there is no GPU here that this program can use, saying what is missing. (For simt
/// that is what a test has planted.)
namespace cuda {
void require_usable();
}
namespace simt {
void require_usable();
}

/// How many GPUs there are that this program can use, 0 where it can use none; and which of them, from 0 on, this process does: to
/// be called before anything else of the device.
namespace cuda {
int gpu_count();
void choose_gpu(int number);
}  // namespace cuda
namespace simt {
int gpu_count();
void choose_gpu(int number);
}  // namespace simt

/// Memory of the host, aligned to 256 bytes: the runtime of `reference` and `cpu`.
const Runtime& host_runtime();

/// Their timing: the host's clock and peaks.
const Timing& host_timing();

}  // namespace vitrine

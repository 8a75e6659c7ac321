// What a device can do at best: measured on it, not looked up.
#pragma once

#include "kernels/device.h"

namespace vitrine::tools {

struct Peak {
    double flops = 0.0;      // f32 operations a second, fused multiply-adds on registers (two each)
    double bandwidth = 0.0;  // bytes a second, read + written by a copy far larger than the caches
};

/// On a CPU with all threads. Takes about a second. Throws Error if the device cannot be used, or has no
/// memory left for a copy.
Peak measure_peak(Device device);

}  // namespace vitrine::tools

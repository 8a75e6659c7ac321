// Which device a program runs on.
#pragma once

#include <string>

#include "kernels/device.h"

namespace vitrine::tools {

struct DeviceChoice {
    Device device = Device::cpu;
    std::string reason;  // a phrase for the user
};

/// Whether the simt device watches every access of every kernel, for races, bounds and the like.
enum class KernelChecks : bool { off, on };

/// By name; "auto" takes the fastest device that this build and this machine have. Throws Error for an
/// unknown name, for a device that cannot be used here, and for checks on a device that has none.
DeviceChoice choose_device(const std::string& name, KernelChecks checks = KernelChecks::off);

}  // namespace vitrine::tools

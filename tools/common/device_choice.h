// Which device a program runs on.
#pragma once

#include <string>

#include "kernels/device.h"

namespace vitrine::tools {

struct DeviceChoice {
    Device device = Device::cpu;
    std::string reason;  // a phrase for the user
};

/// By name; "auto" takes the fastest device that this build and this machine have. Throws Error for an
/// unknown name and for a device that is not part of this build.
DeviceChoice choose_device(const std::string& name);

}  // namespace vitrine::tools

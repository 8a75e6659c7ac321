// Which device a program runs on: see device_choice.h.

#include "tools/common/device_choice.h"

#include "engine/error.h"
#include "kernels/kernels.h"

namespace vitrine::tools {
namespace {

/// Empty if the device can be used, else why not.
std::string reason_against(Device device) {
    try {
        kernels(device);
        return {};
    } catch (const Error& error) {
        return error.what();
    }
}

}  // namespace

DeviceChoice choose_device(const std::string& name) {
    if (name != "auto") {
        const Device device = device_from_name(name);
        kernels(device);  // throws where it is not part of this build
        return {device, "chosen by --device"};
    }
    if (reason_against(Device::cuda).empty())
        return {Device::cuda, "chosen by auto: a usable GPU is present"};
    return {Device::cpu, "chosen by auto: this build has no cuda device"};
}

}  // namespace vitrine::tools

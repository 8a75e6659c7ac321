// Which device a program runs on: see device_choice.h.

#include "tools/common/device_choice.h"

#include "engine/error.h"
#include "kernels/kernels.h"
#include "kernels/simt/launch.h"
#include "kernels/unusable_device.h"

namespace vitrine::tools {
namespace {

/// Empty if the device can be used, else why not, in a clause.
std::string reason_against(Device device) {
    try {
        kernels(device);
        return {};
    } catch (const UnusableDevice& unusable) {
        return unusable.clause;
    }
}

}  // namespace

DeviceChoice choose_device(const std::string& name, KernelChecks checks) {
    if (checks == KernelChecks::on && name != name_of(Device::simt))
        throw Error("--check-kernels is for --device simt: no other device can watch its kernels");
    simt::Settings settings = simt::settings();
    settings.check = checks == KernelChecks::on;
    simt::set_settings(settings);
    if (name != "auto") {
        const Device device = device_from_name(name);
        kernels(device);  // throws where it is not part of this build
        return {device, "chosen by --device"};
    }
    const std::string reason = reason_against(Device::cuda);
    if (reason.empty()) return {Device::cuda, "a usable GPU is present"};
    return {Device::cpu, reason};
}

}  // namespace vitrine::tools

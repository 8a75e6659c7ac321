// On which devices the golden numbers are checked, and how exact simt's exp is.
#pragma once

#include <cstdlib>
#include <sstream>
#include <string>
#include <vector>

#include "kernels/device.h"
#include "kernels/simt/launch.h"

namespace vitrine::tests {

/// `usual`, or in their place the devices that VITRINE_GOLDEN_DEVICES names, with commas between: "cuda"
/// where there is a GPU. Throws Error for a name that is no device's.
inline std::vector<Device> golden_devices(std::vector<Device> usual) {
    const char* const named = std::getenv("VITRINE_GOLDEN_DEVICES");
    if (named == nullptr || *named == '\0') return usual;
    std::vector<Device> devices;
    std::istringstream names{std::string(named)};
    for (std::string name; std::getline(names, name, ',');) devices.push_back(device_from_name(name));
    return devices;
}

/// While it lives, exp, log and the like of simt's kernels are off by up to two units in the last place, as a
/// GPU's may be. What PyTorch computed must be computed all the same.
class OtherLibrary {
  public:
    OtherLibrary() : before_(simt::settings()) {
        simt::Settings settings = before_;
        settings.math_ulps = 2;
        simt::set_settings(settings);
    }
    ~OtherLibrary() { simt::set_settings(before_); }
    OtherLibrary(const OtherLibrary&) = delete;
    OtherLibrary& operator=(const OtherLibrary&) = delete;

  private:
    simt::Settings before_;
};

}  // namespace vitrine::tests

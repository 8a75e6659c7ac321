// On which devices the golden numbers are checked.
#pragma once

#include <cstdlib>
#include <sstream>
#include <string>
#include <vector>

#include "kernels/device.h"

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

}  // namespace vitrine::tests

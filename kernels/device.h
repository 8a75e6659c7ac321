// The four devices: see the table in kernels/README.md.
#pragma once

#include <array>
#include <string_view>

namespace vitrine {

enum class Device : unsigned char { reference, cpu, cuda, simt };

inline constexpr std::array all_devices{Device::reference, Device::cpu, Device::cuda, Device::simt};

constexpr const char* name_of(Device device) {
    switch (device) {
        case Device::reference:
            return "reference";
        case Device::cpu:
            return "cpu";
        case Device::cuda:
            return "cuda";
        case Device::simt:
            return "simt";
    }
    return "?";
}

/// Whether convolutions there take norms and activations in (prologue and epilogue, conv.h) unless somebody wants it
/// otherwise. The reference device runs each op by itself: it is what the others are compared with.
constexpr bool usually_fuses(Device device) { return device != Device::reference; }

/// The device of that name; throws Error naming the devices there are.
Device device_from_name(std::string_view name);

}  // namespace vitrine

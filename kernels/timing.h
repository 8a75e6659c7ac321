// How a device tells the time of its own work, and work that shows what it can do at best.
//
// A device may run behind the host that asks it for work. A moment is therefore a place in the order of that
// work, as CUDA's events are: setting it costs the host next to nothing, and what passes between two of them
// is the device's time, whatever the host did meanwhile.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/device.h"

namespace vitrine {

struct Timing {
    void* (*make_moment)();
    void (*release_moment)(void* moment);
    /// It comes when the device has done all that it was asked for before. Returns at once.
    void (*set_moment)(void* moment);
    /// Between two moments that were set. Waits until both have come.
    double (*seconds_between)(void* from, void* to);

    /// Independent chains of f32 multiply-adds on registers, on the whole device if `amount` is large enough;
    /// their time grows with it. Returns how many operations that is, each multiply-add two.
    double (*multiply_adds)(int64_t amount);
    /// Reads and writes each byte once. Both aligned to 256 bytes, which `bytes` is a multiple of.
    void (*stream)(void* to, const void* from, size_t bytes);

    /// Of the device's last level of cache, as much as a program may find its data in; 0 without one.
    size_t (*cache_bytes)();

    bool runs_behind;  // the host goes on before the device has finished
};

/// Throws Error if this program was built without the device, or it cannot be used here.
const Timing& timing(Device device);

}  // namespace vitrine

// Implementations that go before all others of a device, wherever they take the arguments: how a whole
// training runs on a library (--impl cudnn,cublas).
//
// A kernel is an ordered list (kernel.h); to prefer an implementation is to have it first in the list of
// every kernel that has it. What refuses the arguments is passed over as ever.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "kernels/device.h"

namespace vitrine {

/// The most wanted first.
std::span<const std::string> preferred_implementations(Device device);

/// Replaces that list, and what listed_kernels() and kernels() of the device return from now on.
/// force_implementation (kernel.h) adds to it: a part of --impl without `=` is the name of an implementation
/// for all ops. It throws Error naming what there is if no kernel has it, or why the library of that name
/// cannot be loaded; the device is not used.
void prefer_implementations(Device device, std::vector<std::string> names);

/// Throws Error naming the reason if a preferred library cannot start on this device: for programs that would
/// otherwise fall back in silence.
void start_preferred_libraries(Device device);

}  // namespace vitrine

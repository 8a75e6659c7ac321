// What --impl forces and prefers, for tools that go through all implementations.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <string_view>

#include "kernels/kernel.h"
#include "kernels/preferred.h"

namespace vitrine::tools {

/// Whether an implementation is among those that --impl leaves: the forced one, else the preferred ones, else
/// all.
inline bool is_wanted(Device device, std::string_view kernel, std::string_view implementation) {
    const std::string_view forced = forced_implementation(device, kernel);
    if (!forced.empty()) return forced == implementation;
    const auto preferred = preferred_implementations(device);
    return preferred.empty() || std::ranges::find(preferred, implementation) != preferred.end();
}

/// Forces implementations of one kernel; when it dies, what was in force before is so again.
class ScopedForce {
  public:
    ScopedForce(Device device, std::string kernel)
        : device_(device), kernel_(std::move(kernel)), before_(forced_implementation(device, kernel_)) {}
    ~ScopedForce() { lift(); }
    ScopedForce(const ScopedForce&) = delete;
    ScopedForce& operator=(const ScopedForce&) = delete;

    void force(std::string_view implementation) {
        if (forced_implementation(device_, kernel_) == implementation) return;
        force_implementation(device_, fmt::format("{}={}", kernel_, implementation));
    }
    void lift() { force(before_); }

  private:
    Device device_;
    std::string kernel_, before_;
};

}  // namespace vitrine::tools

// Forcing implementations for a while.
#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>

#include "kernels/kernel.h"

namespace vitrine::tools {

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

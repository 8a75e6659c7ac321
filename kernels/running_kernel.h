// What a thread of the host computes now, for sentences about what went wrong on the device.
#pragma once

namespace vitrine {

struct RunningKernel {
    const char* kernel = nullptr;  // of kernels.def; null outside of any
    const char* implementation = nullptr;
};

inline constinit thread_local RunningKernel running_kernel{};

/// Names a kernel as the running one until the end of the scope.
class RunningKernelScope {
  public:
    RunningKernelScope(const char* kernel, const char* implementation) {
        running_kernel = {kernel, implementation};
    }
    ~RunningKernelScope() { running_kernel = {}; }
    RunningKernelScope(const RunningKernelScope&) = delete;
    RunningKernelScope& operator=(const RunningKernelScope&) = delete;
};

}  // namespace vitrine

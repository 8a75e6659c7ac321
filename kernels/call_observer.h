// Looking on while kernels are called: which one, where, and what it costs at least.
#pragma once

#include <functional>

#include "kernels/cost.h"
#include "kernels/device.h"

namespace vitrine {

struct KernelCall {
    const char* kernel;  // as in kernels.def
    Device device;
    Cost least;
};

/// While it lives, `observer` is told of each call of this thread that came back, whatever the device does of it yet.
class CallObserver {
  public:
    explicit CallObserver(std::function<void(const KernelCall&)> observer);
    ~CallObserver();
    CallObserver(const CallObserver&) = delete;
    CallObserver& operator=(const CallObserver&) = delete;

    static bool watching() { return innermost_ != nullptr; }
    /// Tells all observers of this thread.
    static void tell(const KernelCall& call);

  private:
    std::function<void(const KernelCall&)> observer_;
    CallObserver* previous_;
    static thread_local CallObserver* innermost_;
};

}  // namespace vitrine

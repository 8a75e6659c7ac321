// The quickest implementation of a kernel for each shape, found out by trying all that take it.
//
//     Autotune autotune(listed_kernels(Device::cpu), Device::cpu);
//     …                                  // training steps: a call that is new is tried first, and then done as ever
//     autotune.calls();                  // what was found
//
// Without it the first implementation that takes the arguments runs (kernel.h): ours, then the libraries'. A trial writes
// into memory of its own, so nothing of the step changes, but that it takes longer; before each of its calls something else
// goes through the caches, as in a step. An implementation whose numbers are not those of the first one is never chosen.
// --impl goes before all of it.
//
// Implementations round differently. So the bits of a training depend on what was chosen: whoever wants them
// again keeps the choices.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "kernels/device.h"
#include "kernels/dtype.h"
#include "kernels/kernels.h"

namespace vitrine {

/// An implementation that took a call.
struct TriedImplementation {
    std::string name;
    double seconds = 0;  // of a call; 0 where it has a fault
    std::string fault;   // why it cannot be chosen; empty: it can be
};

struct TunedCall {
    std::string kernel;                      // as in kernels.def
    std::string call;                        // call_key.h
    std::string chosen;                      // an implementation
    std::vector<TriedImplementation> tried;  // in the kernel's order; empty where there is no choice
};

/// How far from the first implementation's result another one's may be, as a share of its size, both in root mean
/// square: ε^(2/3), ε the distance from 1 to the type's next number. Rounding is far below it and a mistake far above.
double allowed_difference(DType dtype);

/// While it lives, kernels(device) are those of a table, and choose by trying. One at a time.
class Autotune {
  public:
    /// The table must live as long. `known` has been found out before and is not tried again. `found` is told of each call
    /// that was tried, before the call itself is done; it may be null.
    Autotune(const KernelTable& kernels, Device device, std::vector<TunedCall> known = {},
             std::function<void(const TunedCall&)> found = nullptr);
    ~Autotune();
    Autotune(const Autotune&) = delete;
    Autotune& operator=(const Autotune&) = delete;

    /// Those that were known, and those that were found, in the order of the kernels' and calls' names.
    std::vector<TunedCall> calls() const;

  private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace vitrine

// Steps of a few ops, to look on with a LayerTimer.
#pragma once

#include <utility>
#include <vector>

#include "engine/autograd.h"
#include "engine/ops/ops.h"
#include "kernels/threads.h"
#include "lab/common/layer_timer.h"

namespace vitrine::tools {

inline constexpr Placement placement{DType::f32, Device::cpu};

inline Tensor trained(const Shape& shape) {
    Tensor tensor = Tensor::zeros(shape, placement);
    return tensor.require_gradient();
}

/// Steps of what `forward` makes of leaves that want gradients; backward begins at its result.
template <class Forward>
Workload steps_of(std::vector<Tensor> leaves, Forward forward) {
    return {"a test", [=](LayerTimer& timer) {
                for (const Tensor& leaf : leaves) leaf.slot()->clear();
                Tape tape;
                const Recording recording(tape);
                timer.start_forward();
                const Tensor y = forward();
                y.slot()->contribute(Tensor::zeros(y.shape(), y.placement()));
                timer.start_backward();
                tape.backward_from_slots();
            }};
}

/// With one thread a step of tiny kernels does not wait for another one, however busy the machine is.
class OneThread {
  public:
    OneThread() : before_(threads()) { set_threads(1); }
    ~OneThread() { set_threads(before_); }
    OneThread(const OneThread&) = delete;
    OneThread& operator=(const OneThread&) = delete;

  private:
    int before_;
};

}  // namespace vitrine::tools

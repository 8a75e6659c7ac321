// What an op costs at least: operations and bytes, told from the shapes of a traced event.
#pragma once

#include "engine/trace.h"

namespace vitrine::tools {

struct Cost {
    double flops = 0.0;  // a multiply-add counts as two; only convolutions and linear layers count
    double bytes = 0.0;  // every operand read once and every result written once, as if nothing were cached

    Cost& operator+=(const Cost& other) {
        flops += other.flops;
        bytes += other.bytes;
        return *this;
    }
    Cost operator*(double times) const { return {flops * times, bytes * times}; }
};

/// Of a forward event: the inputs are read, the output and what backward needs (softmax's probabilities, the
/// positions of max pooling) are written. The number of operations is 2 · output elements · weights per
/// output channel. Per-channel statistics are left out: they are too small to count.
Cost forward_cost(const OpEvent& event);

/// Of the backward pass that a forward event will lead to: the gradient of the output and what was saved are
/// read, the gradients of all inputs that want one are written. Nothing where no input wants a gradient, and
/// for ops that hand their gradient on as it is (add, reshape).
Cost backward_cost(const OpEvent& forward_event);

}  // namespace vitrine::tools

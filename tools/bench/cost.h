// What an op costs at least: operations and bytes, told from the shapes of a traced event.
#pragma once

#include <span>
#include <string_view>

#include "engine/trace.h"

namespace vitrine::tools {

struct Cost {
    double flops = 0.0;  // a multiply-add counts as two; only convolutions and linear layers count
    double bytes = 0.0;  // every operand read once and every result written once

    Cost& operator+=(const Cost& other) {
        flops += other.flops;
        bytes += other.bytes;
        return *this;
    }
};

/// Of a forward event. The number of operations is output elements · weights per output channel.
Cost forward_cost(const OpEvent& event);

/// Of the backward pass that a forward event will lead to: the gradient of the output and what was saved are
/// read, the gradients of all inputs that want one are written.
Cost backward_cost(const OpEvent& forward_event);

}  // namespace vitrine::tools

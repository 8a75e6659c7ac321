// What a call of a kernel costs at least: every operand that it needs read once, every result written once.
#pragma once

#include "kernels/kernels.h"

namespace vitrine::gradcheck {

struct LeastCost {
    double bytes_read = 0;
    double bytes_written = 0;
    double flops = 0;  // a multiply-add counts as two; only convolutions and linear layers count

    double bytes() const { return bytes_read + bytes_written; }
    LeastCost& operator+=(const LeastCost& other);
};

// The operands of a prologue and of statistics count; what a wanted gradient does not need does not. A
// gradient that is accumulated is read too.
LeastCost least_cost(const ConvForward& args);
LeastCost least_cost(const ConvBackward& args);
LeastCost least_cost(const BatchNormForward& args);
LeastCost least_cost(const BatchNormBackward& args);
LeastCost least_cost(const NormalizeForward& args);
LeastCost least_cost(const NormalizeBackward& args);
LeastCost least_cost(const ResolveForward& args);
LeastCost least_cost(const ResolveBackward& args);
LeastCost least_cost(const ActivationForward& args);
LeastCost least_cost(const ActivationBackward& args);
LeastCost least_cost(const AddForward& args);
LeastCost least_cost(const AddBackward& args);
LeastCost least_cost(const AveragePoolForward& args);
LeastCost least_cost(const AveragePoolBackward& args);
LeastCost least_cost(const GlobalAveragePoolForward& args);
LeastCost least_cost(const GlobalAveragePoolBackward& args);
LeastCost least_cost(const MaxPoolForward& args);
LeastCost least_cost(const MaxPoolBackward& args);
LeastCost least_cost(const LinearForward& args);
LeastCost least_cost(const LinearBackward& args);
LeastCost least_cost(const DropoutForward& args);
LeastCost least_cost(const DropoutBackward& args);
LeastCost least_cost(const SoftmaxCrossEntropyForward& args);
LeastCost least_cost(const SoftmaxCrossEntropyBackward& args);
LeastCost least_cost(const ScoreBatch& args);
LeastCost least_cost(const DecideUpdate& args);
LeastCost least_cost(const SgdUpdate& args);
LeastCost least_cost(const L2Norm& args);
LeastCost least_cost(const EmaUpdate& args);
LeastCost least_cost(const AugmentImages& args);
LeastCost least_cost(const FinishImages& args);

}  // namespace vitrine::gradcheck

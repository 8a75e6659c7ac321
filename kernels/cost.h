// What a call of a kernel costs at least: every operand that it needs read once, every result written once.
#pragma once

#include "kernels/augment_images.h"
#include "kernels/conv.h"
#include "kernels/elementwise.h"
#include "kernels/expanded_conv.h"
#include "kernels/finish_images.h"
#include "kernels/loss.h"
#include "kernels/matmul.h"
#include "kernels/merge_moments.h"
#include "kernels/norm.h"
#include "kernels/optim.h"
#include "kernels/pool.h"
#include "kernels/resolve.h"

namespace vitrine {

struct Cost {
    double bytes_read = 0;
    double bytes_written = 0;
    double flops = 0;  // a multiply-add counts as two; only convolutions and linear layers count

    double bytes() const { return bytes_read + bytes_written; }
    Cost& operator+=(const Cost& other);
};

// The operands of a prologue and of statistics count; what a wanted gradient does not need does not. A
// gradient that is accumulated is read too.
Cost least_cost(const ConvForward& args);
Cost least_cost(const ConvBackward& args);
Cost least_cost(const ExpandedConvForward& args);
Cost least_cost(const ExpandedConvBackward& args);
Cost least_cost(const ExpansionMomentsForward& args);
Cost least_cost(const ExpansionMomentsBackward& args);
Cost least_cost(const BatchNormForward& args);
Cost least_cost(const BatchNormBackward& args);
Cost least_cost(const NormalizeForward& args);
Cost least_cost(const NormalizeBackward& args);
Cost least_cost(const MergeMomentsForward& args);
Cost least_cost(const MergeMomentsBackward& args);
Cost least_cost(const ResolveForward& args);
Cost least_cost(const ResolveBackward& args);
Cost least_cost(const ActivationForward& args);
Cost least_cost(const ActivationBackward& args);
Cost least_cost(const AddForward& args);
Cost least_cost(const AddBackward& args);
Cost least_cost(const AveragePoolForward& args);
Cost least_cost(const AveragePoolBackward& args);
Cost least_cost(const GlobalAveragePoolForward& args);
Cost least_cost(const GlobalAveragePoolBackward& args);
Cost least_cost(const MaxPoolForward& args);
Cost least_cost(const MaxPoolBackward& args);
Cost least_cost(const LinearForward& args);
Cost least_cost(const LinearBackward& args);
Cost least_cost(const DropoutForward& args);
Cost least_cost(const DropoutBackward& args);
Cost least_cost(const SoftmaxCrossEntropyForward& args);
Cost least_cost(const SoftmaxCrossEntropyBackward& args);
Cost least_cost(const ScoreBatch& args);
Cost least_cost(const DecideUpdate& args);
Cost least_cost(const SgdUpdate& args);
Cost least_cost(const L2Norm& args);
Cost least_cost(const EmaUpdate& args);
Cost least_cost(const AugmentImages& args);
Cost least_cost(const FinishImages& args);

}  // namespace vitrine

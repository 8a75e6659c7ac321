// Where a problem of an expanded convolution (expanded_conv.cpp) is checked: off the kinks of its prologues, of which the second
// sees only what the kernel makes.
#pragma once

#include <vector>

#include "lab/gradcheck/cases/conv_problem.h"
#include "lab/gradcheck/harness/problem.h"

namespace vitrine::gradcheck {

struct PrologueOptions {
    bool scale = false;  // and shift
    Activation activation = Activation::identity;
};

/// A problem of an expanded convolution.
struct ExpandedOptions {
    ConvShape shape;  // of the depthwise convolution
    int64_t narrow = 1;
    InputWindows windows{};
    PrologueOptions narrow_prologue{};  // of x
    PrologueOptions prologue{};         // of e
    Statistics statistics = Statistics::none;
    int64_t samples = 40;
    bool off_wide_kinks = true;
    bool wide_d_x = false;
};

/// x, the expansion and both prologues' numbers.
void add_expanded_point(const ExpandedOptions& options, std::vector<Tensor>& tensors);

}  // namespace vitrine::gradcheck

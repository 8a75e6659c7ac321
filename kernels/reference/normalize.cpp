// Batch norm without x: see kernels/norm.h for the formulas.

#include "kernels/host_normalize.h"
#include "kernels/kernels.h"

namespace vitrine::reference {
namespace {

constexpr Implementation<NormalizeForward> forward_list[]{{"formula", refuses_nothing, host::normalize}};
constexpr Implementation<NormalizeBackward> backward_list[]{
    {"formula", refuses_nothing, host::normalize_gradients}};

}  // namespace

const Kernel<NormalizeForward> normalize_forward{"normalize_forward", forward_list};
const Kernel<NormalizeBackward> normalize_backward{"normalize_backward", backward_list};

}  // namespace vitrine::reference

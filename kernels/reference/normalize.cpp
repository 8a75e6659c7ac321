// Batch norm without x: see kernels/norm.h for the formulas.

#include "kernels/host_normalize.h"
#include "kernels/kernels.h"

namespace vitrine::reference {
namespace {

constexpr auto forward =
    computed_types([]<class T>(const NormalizeForward& args, Context&) { host::normalize<T>(args); });

constexpr auto backward = computed_types(
    []<class T>(const NormalizeBackward& args, Context&) { host::normalize_gradients<T>(args); });

constexpr Implementation<NormalizeForward> forward_list[]{{"formula", refuses_nothing, forward}};
constexpr Implementation<NormalizeBackward> backward_list[]{{"formula", refuses_nothing, backward}};

}  // namespace

const Kernel<NormalizeForward> normalize_forward{"normalize_forward", forward_list};
const Kernel<NormalizeBackward> normalize_backward{"normalize_backward", backward_list};

}  // namespace vitrine::reference

// Batch norm without x: see kernels/norm.h for the formulas.

#include "kernels/host_normalize.h"
#include "kernels/kernels.h"

namespace vitrine::cpu {
namespace {

void run_forward(const NormalizeForward& args, Context&) {
    dispatch_float(args.dtype, [&]<class T>() { host::normalize<T>(args); });
}

void run_backward(const NormalizeBackward& args, Context&) {
    dispatch_float(args.dtype, [&]<class T>() { host::normalize_gradients<T>(args); });
}

constexpr Implementation<NormalizeForward> forward_list[]{{"formula", refuses_nothing, run_forward}};
constexpr Implementation<NormalizeBackward> backward_list[]{{"formula", refuses_nothing, run_backward}};

}  // namespace

const Kernel<NormalizeForward> normalize_forward{"normalize_forward", forward_list};
const Kernel<NormalizeBackward> normalize_backward{"normalize_backward", backward_list};

}  // namespace vitrine::cpu

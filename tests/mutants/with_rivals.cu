// The kernels of a group of kernels/cuda/vendor: ours, and the group's own implementations behind them.

#include "kernels/cuda/vendor/rivals.h"

namespace vitrine::VITRINE_GPU {

#define KERNEL(name, Args) const Kernel<Args> name = *with_rivals(simt::name, vendor::rivals().name);
#include "kernels/kernels.def"
#undef KERNEL

}  // namespace vitrine::VITRINE_GPU

// The kernels of a group of kernels/cuda/vendor: ours, and the group's own implementations behind them.

#include "kernels/cuda/vendor/fallbacks.h"

namespace vitrine::VITRINE_GPU {

#define KERNEL(name, Args) const Kernel<Args> name = *with_fallbacks(simt::name, vendor::fallbacks().name);
#include "kernels/kernels.def"
#undef KERNEL

}  // namespace vitrine::VITRINE_GPU

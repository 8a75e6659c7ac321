// Stands in for kernels that are not written yet: a definition elsewhere takes its place.

#include "kernels/cuda/gpu.h"

namespace vitrine::VITRINE_GPU {

#define KERNEL(name, Args)                                \
    extern const Kernel<Args> name __attribute__((weak)); \
    const Kernel<Args> name{#name, {}};
#include "kernels/kernels.def"
#undef KERNEL

}  // namespace vitrine::VITRINE_GPU

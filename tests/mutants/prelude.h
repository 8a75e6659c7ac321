// Included before a mutant's file: declares the kernels in its namespace, as kernels/kernels.h does for the
// devices' own.
#pragma once

#include "kernels/kernels.h"

namespace vitrine::VITRINE_GPU {
#define KERNEL(name, Args) extern const Kernel<Args> name;
#include "kernels/kernels.def"
#undef KERNEL
}  // namespace vitrine::VITRINE_GPU

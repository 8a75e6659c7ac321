// Included before the files of a group: declares the kernels in the group's namespace, as kernels/kernels.h
// does for the devices' own, and what the planted defects ask.
#pragma once

#include "kernels/kernels.h"
#include "tests/mutants/planted.h"

namespace vitrine::VITRINE_GPU {
#define KERNEL(name, Args) extern const Kernel<Args> name;
#include "kernels/kernels.def"
#undef KERNEL
}  // namespace vitrine::VITRINE_GPU

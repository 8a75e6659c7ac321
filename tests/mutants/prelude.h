// Included before the files of a group: declares in the group's namespace what the devices' own have from
// elsewhere, and what the planted defects ask.
#pragma once

#include "kernels/kernels.h"
#include "kernels/runtime.h"
#include "kernels/simt/launch.h"
#include "tests/mutants/planted.h"

namespace vitrine::VITRINE_GPU {
#define KERNEL(name, Args) extern const Kernel<Args> name;
#include "kernels/kernels.def"
#undef KERNEL
const Runtime& runtime();
using simt::launch_log;
}  // namespace vitrine::VITRINE_GPU

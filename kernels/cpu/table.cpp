// The table of the cpu device: kernels.def once more.

#include "kernels/devices.h"

namespace vitrine::cpu {

const KernelTable& table() {
    static const KernelTable kernels{
#define KERNEL(name, Args) {&name, Device::cpu},
#include "kernels/kernels.def"
#undef KERNEL
    };
    return kernels;
}

const Runtime& runtime() { return host_runtime(); }

const Timing& timing() { return host_timing(); }

}  // namespace vitrine::cpu

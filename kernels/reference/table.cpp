// The table of the reference device: kernels.def once more.

#include "kernels/devices.h"

namespace vitrine::reference {

const KernelTable& table() {
    static const KernelTable kernels{
#define KERNEL(name, Args) {&name, Device::reference},
#include "kernels/kernels.def"
#undef KERNEL
    };
    return kernels;
}

const Runtime& runtime() { return host_runtime(); }

const Timing& timing() { return host_timing(); }

}  // namespace vitrine::reference

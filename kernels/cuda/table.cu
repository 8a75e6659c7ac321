// The device's table: kernels.def once more, with the libraries' implementations (vendor/) behind ours.

#include "kernels/cuda/gpu.h"
#include "kernels/cuda/vendor/fallbacks.h"
#include "kernels/devices.h"

namespace vitrine::VITRINE_GPU {

const KernelTable& table() {
    static const KernelTable kernels{
#define KERNEL(name, Args) {with_fallbacks(name, vendor::fallbacks().name), Device::VITRINE_GPU},
#include "kernels/kernels.def"
#undef KERNEL
    };
    return kernels;
}

}  // namespace vitrine::VITRINE_GPU

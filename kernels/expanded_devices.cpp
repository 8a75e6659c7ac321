#include "kernels/expanded_devices.h"

#include "kernels/cpu/amx.h"

namespace vitrine {

bool keeps_expansions_unwritten(Device device, DType dtype) {
    if (device != Device::cpu) return false;
    return !is_half(dtype) || (dtype == DType::bf16 && cpu::amx::refusal() == nullptr);
}

}  // namespace vitrine

// A processor with tile registers keeps rows of e in bf16 too (cpu/expanded_conv_amx.cpp).

#include "kernels/expanded_devices.h"

#include "kernels/cpu/amx.h"

namespace vitrine {

bool keeps_expansions_unwritten(Device device, DType dtype) {
    if (device != Device::cpu) return false;
    return !is_half(dtype) || (dtype == DType::bf16 && cpu::amx::refusal() == nullptr);
}

}  // namespace vitrine

// The end of a device: a kernel went wrong while it ran, and nothing works in this process any more.
#pragma once

#include <stdexcept>

namespace vitrine {

/// what() names the kernels that may be to blame. Every later call to the device throws this too. It is no
/// Error: nobody can put it right and go on.
struct DeviceFault : std::runtime_error {
    using std::runtime_error::runtime_error;
};

/// Whether a status of CUDA's runtime (cudaError_t, whose numbers are the same everywhere) stays for good.
constexpr bool is_device_fault(int status) {
    switch (status) {
        case 214:  // cudaErrorECCUncorrectable
        case 220:  // cudaErrorNvlinkUncorrectable
        case 700:  // cudaErrorIllegalAddress
        case 702:  // cudaErrorLaunchTimeout
        case 709:  // cudaErrorContextIsDestroyed
        case 710:  // cudaErrorAssert
        case 714:  // cudaErrorHardwareStackError
        case 715:  // cudaErrorIllegalInstruction
        case 716:  // cudaErrorMisalignedAddress
        case 717:  // cudaErrorInvalidAddressSpace
        case 718:  // cudaErrorInvalidPc
        case 719:  // cudaErrorLaunchFailure
            return true;
        default:
            return false;
    }
}

}  // namespace vitrine

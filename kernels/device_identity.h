// A device by name and version: whatever makes times of another day those of another device.
#pragma once

#include <string>

#include "kernels/device.h"

namespace vitrine {

/// "NVIDIA H100 80GB HBM3, compute capability 9.0, driver 13.0, CUDA 13.0, cuDNN 91400, cuBLAS 130100"; of the host
/// its processor, threads and oneDNN. Throws Error if the device is not part of this build.
std::string device_identity(Device device);

namespace cuda {
std::string identity();
}
namespace simt {
std::string identity();
}

}  // namespace vitrine

// What the host's side asks about a kernel's code: for which GPUs it was made. Under the executor for whichever a test
// wants to be believed in.
#pragma once

#include "kernels/simt/host_compat.h"

struct cudaFuncAttributes {
    int ptxVersion;  // ten times the compute capability
};

cudaError_t cudaFuncGetAttributes(cudaFuncAttributes* attributes, const void* kernel);

namespace vitrine::simt {

/// Of every kernel's code from now on, times ten; 90 to begin with.
void set_compute_capability(int capability);

}  // namespace vitrine::simt

// The processes' GPUs, joined by NCCL: for what asks without its header.
#pragma once

#include <memory>

#include "kernels/device_collective.h"

namespace vitrine {

#define VITRINE_NCCL_WAYS                                                                                                    \
    /* Null if NCCL is there, has all that is used of it, and this process has a GPU of its own; else why not (a phrase). */ \
    const char* nccl_problem(const Collective& processes);                                                                   \
    /* Called by all processes once none of them has a problem. Throws AbsentProcess where NCCL finds one. */                \
    std::unique_ptr<DeviceCollective> join_nccl(Collective& processes, bool sums);
namespace cuda {
VITRINE_NCCL_WAYS
}
namespace simt {
VITRINE_NCCL_WAYS
}
#undef VITRINE_NCCL_WAYS

}  // namespace vitrine

// Stands in for NCCL in a build without it.

#include <stdexcept>

#include "kernels/cuda/gpu.h"
#include "kernels/cuda/nccl/join_nccl.h"

namespace vitrine::VITRINE_GPU {

const char* nccl_problem(const Collective&) { return "this build was made without NCCL"; }
std::unique_ptr<DeviceCollective> join_nccl(Collective&, bool) {
    throw std::logic_error(nccl_problem(alone()));
}

}  // namespace vitrine::VITRINE_GPU

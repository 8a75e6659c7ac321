// The host's side of the device: checked calls, and a second stream beside the first. See runtime.cu.
#pragma once

#include "kernels/cuda/gpu.h"

#define VITRINE_CUDA(call) ::vitrine::VITRINE_GPU::require_success((call), #call, __FILE__, __LINE__)

namespace vitrine::VITRINE_GPU {

/// Throws Error naming the call, its place, CUDA's reason and what to try, unless `status` is cudaSuccess;
/// DeviceFault, which names the kernels that may be to blame, if one of them went wrong.
void require_success(cudaError_t status, const char* call, const char* file, int line);

/// See kernels/devices.h.
int gpu_count();

/// What runs beside the first stream, each on a stream of its own.
enum class LaneOf {
    exchange,  // gradients, between processes
    input,     // of the next batch
};

/// While it lives, kernels, copies and what libraries do by stream() run on a stream of their own, beside the first one's, and
/// behind all that the first was asked for before the lane was opened. Not while a graph is captured. One is open at a time.
class Lane {
  public:
    explicit Lane(LaneOf use);
    ~Lane();
    Lane(const Lane&) = delete;
    Lane& operator=(const Lane&) = delete;
};

/// What is asked of the first stream from now on comes behind all that ran in these lanes.
void join_lanes(LaneOf use);

/// Marks what the first stream was asked for until now, and whether that has happened, without waiting for it. There is one mark.
void set_mark();
bool is_past_mark();

}  // namespace vitrine::VITRINE_GPU

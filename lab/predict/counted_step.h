// A training step as the simt device counts it, launch by launch. Of each launch it runs a few blocks, so that steps of hundreds of
// images are counted in a minute or two: with the grids, the splits and the implementations that they have.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "kernels/cost.h"
#include "kernels/dtype.h"

namespace vitrine::predict {

/// What one launch does, in all of its blocks. A request is what a warp's lanes ask for in one execution of an instruction.
struct LaunchCounts {
    std::string kernel;  // its plain_name (plain_name.h)
    double blocks = 0;
    int block_threads = 0;
    int dynamic_shared_bytes = 0;  // of a block
    double loads = 0;              // requests to global memory; asynchronous copies are among them
    double stores = 0;             // and atomic operations
    double sectors = 0;            // 32 bytes each: those that a request touches, summed over requests
    double shared_requests = 0;
    double shared_passes = 0;         // readings of the 32 banks that they take
    double multiply_adds = 0;         // of threads
    double tensor_multiply_adds = 0;  // of matrix products

    double bytes() const { return 32.0 * sectors; }
};

/// One call of a kernel (as in kernels.def).
struct CountedCall {
    std::string kernel;
    Cost least;
    std::vector<LaunchCounts> launches;
};

struct CountedStepOptions {
    std::string model;
    DType precision = DType::f32;
    int64_t image_size = 224;
    int64_t batch_size = 32;
    int64_t classes = 1000;
    int compute_capability = 90;  // whose kernels are launched: 75 for 7.5
    uint64_t most_blocks = 2;     // that are run of each launch
};

/// The calls of a training step whose input lies on the device already, in their order. What the last of a launch's blocks does
/// for all of them is not counted, as no block of a sample is the last; nor what an update does that is skipped because a sample's loss
/// is no number. Throws Error where the build has no simt device.
std::vector<CountedCall> count_step(const CountedStepOptions& options);

}  // namespace vitrine::predict

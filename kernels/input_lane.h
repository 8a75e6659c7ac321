// What a device does beside a training step: it makes the input of the next one.
//
//     join_input_lane(device);           // the step may read what was made
//     {
//         const InputLane lane(device);  // behind everything that the device has been asked for until now
//         …                              // copies and kernels of the next batch
//     }
//     …                                  // the step on this one, at the same time
//
// What the lane asks for must have memory of its own: where the step's was freed, kernels of the lane would write into
// it too early, and the other way round. Kernels' scratch memory is seen to here; the engine sees to tensors (engine/step/ahead.h).
#pragma once

#include "kernels/device.h"

namespace vitrine {

/// False where a device does one thing at a time: there is no lane then.
bool has_input_lane(Device device);

/// While it lives, what this thread asks the device for is done in the lane. One at a time, and none while a graph is captured.
/// Its kernels may not count arrivals: the counters are the device's, and the step's kernels count in them.
class InputLane {
  public:
    explicit InputLane(Device device);
    ~InputLane();
    InputLane(const InputLane&) = delete;
    InputLane& operator=(const InputLane&) = delete;

  private:
    Device device_;
};

/// What the device is asked for from now on comes behind all that lanes were asked for.
void join_input_lane(Device device);

}  // namespace vitrine

// A batch of augmentation programs, run on any device.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "data/transforms/transform.h"
#include "kernels/kernels.h"
#include "kernels/runtime.h"

namespace vitrine::test {

/// Calls f(name) with each implementation of the device, which then is the one that runs.
template <class F>
void with_each_implementation(Device device, F f) {
    for (const auto& implementation : kernels(device).augment_images->implementations()) {
        force_implementation(device, std::string("augment_images=") + implementation.name);
        f(std::string(implementation.name));
    }
    force_implementation(device, "augment_images=");
}

/// As a kernel takes them, for images one after the other. All programs begin and end at the same size.
class AugmentBatch {
  public:
    explicit AugmentBatch(Size2 in) : in_(in) { batch_.out = in; }

    void add(const Program& program) {
        batch_.add(place_among_equals(batch_.count(), in_.height, in_.width), program.steps);
        batch_.out = {program.height, program.width};
    }

    /// What the device makes of the images, one for each program.
    std::vector<uint8_t> run(Device device, const std::vector<uint8_t>& images) const {
        const Runtime& on = runtime(device);
        const int64_t count = batch_.count();
        std::vector<uint8_t> result(static_cast<size_t>(count * batch_.out.height * batch_.out.width * 3));
        auto* source = static_cast<uint8_t*>(on.allocate(images.size()));
        auto* y = static_cast<uint8_t*>(on.allocate(result.size()));
        on.copy_from_host(source, images.data(), images.size());
        kernels(device).augment_images({.batch = count,
                                        .out = batch_.out,
                                        .images = source,
                                        .places = batch_.places,
                                        .steps = batch_.steps,
                                        .begins = batch_.begins,
                                        .y = y});
        on.copy_to_host(result.data(), y, result.size());
        on.release(source);
        on.release(y);
        return result;
    }

  private:
    Size2 in_;
    vitrine::AugmentBatch batch_;
};

}  // namespace vitrine::test

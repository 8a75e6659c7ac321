// A batch of augmentation programs, run on any device.
#pragma once

#include <algorithm>
#include <vector>

#include "data/transforms/transform.h"
#include "kernels/kernels.h"
#include "kernels/runtime.h"

namespace vitrine::test {

/// As a kernel takes them. All programs begin and end at the same size.
class AugmentBatch {
  public:
    explicit AugmentBatch(Size2 in) : in_(in), out_(in), largest_(in) {}

    void add(const Program& program) {
        for (const augment::Step& step : program.steps) {
            largest_.height = std::max<int64_t>(largest_.height, step.out_height);
            largest_.width = std::max<int64_t>(largest_.width, step.out_width);
            steps_.push_back(step);
        }
        begins_.push_back(static_cast<int64_t>(steps_.size()));
        out_ = {program.height, program.width};
    }

    /// What the device makes of the images, one for each program.
    std::vector<uint8_t> run(Device device, const std::vector<uint8_t>& images) const {
        const Runtime& on = runtime(device);
        const auto count = static_cast<int64_t>(begins_.size()) - 1;
        std::vector<uint8_t> result(static_cast<size_t>(count * out_.height * out_.width * 3));
        auto* source = static_cast<uint8_t*>(on.allocate(images.size()));
        auto* y = static_cast<uint8_t*>(on.allocate(result.size()));
        on.copy_from_host(source, images.data(), images.size());
        kernels(device).augment_images({.batch = count,
                                        .in = in_,
                                        .out = out_,
                                        .largest = largest_,
                                        .images = source,
                                        .samples = {},
                                        .steps = steps_,
                                        .begins = begins_,
                                        .y = y});
        on.copy_to_host(result.data(), y, result.size());
        on.release(source);
        on.release(y);
        return result;
    }

  private:
    Size2 in_, out_, largest_;
    std::vector<augment::Step> steps_;
    std::vector<int64_t> begins_{0};
};

}  // namespace vitrine::test

// The positions of zooms, listed on the host before a batch is augmented.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "kernels/augment_program.h"
#include "kernels/cuda/gpu.h"

namespace vitrine::VITRINE_GPU {

/// Programs whose zooms have their positions in lists. Pillow finds them by adding up, which no thread need
/// do for its own pixel: integers[0] is where the columns' list begins, integers[1] the rows'.
struct ListedZooms {
    std::vector<augment::Step> steps;
    std::vector<int32_t> places;

    explicit ListedZooms(std::span<const augment::Step> given) : steps(given.begin(), given.end()) {
        for (augment::Step& step : steps) {
            if (step.op != augment::OpCode::zoom) continue;
            step.integers[0] = static_cast<int32_t>(places.size());
            add_up(step.reals[0], step.reals[1], step.out_width);
            step.integers[1] = static_cast<int32_t>(places.size());
            add_up(step.reals[2], step.reals[3], step.out_height);
        }
    }

  private:
    void add_up(double position, double step, int count) {
        for (int i = 0; i < count; ++i, position += step)
            places.push_back(position < 0.0 ? -1 : static_cast<int32_t>(position));
    }
};

}  // namespace vitrine::VITRINE_GPU

// How the batch of a step was made: of which pixels, by which programs, and what was done to them after.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "engine/augment.h"
#include "engine/tensor.h"

namespace vitrine::inspect {

struct BatchMaking {
    Tensor pixels{};                      // u8, of all images, wherever plan.programs.places finds them
    InputPlan plan{};                     // what make_input (engine/step/input.h) was given
    std::vector<std::string> names{};     // of the batch's images: "cats/1.png"
    std::shared_ptr<const void> owner{};  // of what the plan's spans look at
};

}  // namespace vitrine::inspect

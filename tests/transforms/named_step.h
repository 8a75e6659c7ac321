// Steps by name and arguments, as the scripts that ask torchvision write them (tests/golden/make_augment.py).
#pragma once

#include <string>
#include <vector>

#include "data/transforms/transform.h"

namespace vitrine::test {

/// Adds what torchvision's function of that name does to an image of the program's size. Throws Error for a
/// name that there is not.
void add_named_step(Program& program, const std::string& name, const std::vector<double>& arguments);

}  // namespace vitrine::test

// Which defect is there now: asked by the kernels, set by the test.
#pragma once

namespace vitrine {

/// Whether the defect with this number is there. None is, unless the test says so.
bool planted(int number);

}  // namespace vitrine

// How findings name threads and CUDA's words.
#pragma once

#include <string>

#include "kernels/simt/thread.h"
#include "kernels/simt/vector_types.h"

namespace vitrine::simt {

const char* name_of(Barrier barrier);
const char* name_of(WarpOperation operation);

/// "(3, 0, 1)"
std::string shown(const uint3& index);

}  // namespace vitrine::simt

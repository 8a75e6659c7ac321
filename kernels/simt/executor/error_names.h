// The errors of CUDA's runtime that the simt device knows.
#pragma once

#include <string>
#include <string_view>

#include "kernels/simt/host_compat.h"

namespace vitrine::simt {

/// cudaSuccess if there is none of this name.
cudaError_t error_named(std::string_view name);

/// The names of all, separated by commas.
std::string known_errors();

}  // namespace vitrine::simt

// Reads what `ptxas -v` prints, which the build keeps beside each object of kernels/cuda.
#pragma once

#include <string_view>
#include <vector>

#include "lab/resources/report/kernel_resources.h"

namespace vitrine::resources {

/// One element for each kernel and architecture. `file` only names the source. Throws Error, naming the line,
/// if the text says of a kernel less than is expected: a compiler that words it differently must not pass as
/// one without spills.
std::vector<KernelResources> parse_ptxas_report(std::string_view text, const std::string& file);

}  // namespace vitrine::resources

// The report of a whole build: all kernel objects of a folder.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "lab/resources/report/kernel_resources.h"

namespace vitrine::resources {

struct BuildReport {
    std::vector<std::string> files;        // every kernel file with a report, such as add.cu
    std::vector<KernelResources> kernels;  // by file, name and architecture
};

/// Reads every OBJECT.ptxas below a folder, and the OBJECT beside it for the block sizes and the code. Throws Error if
/// there is none.
BuildReport read_build_report(const std::filesystem::path& folder);

}  // namespace vitrine::resources

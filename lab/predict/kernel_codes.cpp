// Kernels by name: see kernel_codes.h.

#include "lab/predict/kernel_codes.h"

#include <algorithm>

#include "lab/predict/plain_name.h"
#include "lab/resources/report/build_report.h"

namespace vitrine::predict {

KernelCodes::KernelCodes(const std::filesystem::path& folder, int compute_capability) {
    if (folder.empty()) return;
    const resources::BuildReport report = resources::read_build_report(folder);
    for (const resources::KernelResources& kernel : report.kernels) {
        const bool runs =
            kernel.architecture / 10 == compute_capability / 10 && kernel.architecture <= compute_capability;
        if (runs) architecture_ = std::max(architecture_, kernel.architecture);
    }
    for (const resources::KernelResources& kernel : report.kernels) {
        if (kernel.architecture != architecture_) continue;
        by_name_.emplace(plain_name(resources::short_name(kernel.symbol)), kernel);
    }
}

const resources::KernelResources* KernelCodes::find(const std::string& kernel) const {
    const auto found = by_name_.find(kernel);
    return found == by_name_.end() ? nullptr : &found->second;
}

}  // namespace vitrine::predict

// The machine code of this build's kernels by the names that launches have.
#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "lab/resources/report/kernel_resources.h"

namespace vitrine::predict {

class KernelCodes {
  public:
    /// What a GPU of this compute capability (75 for 7.5) would run: of its generation the latest code that was built. `folder` has the
    /// kernels' objects; empty where the build has none, and then nothing is known.
    KernelCodes(const std::filesystem::path& folder, int compute_capability);

    /// Of "gemm<Rows<float>>" (plain_name.h); null where it is not known.
    const resources::KernelResources* find(const std::string& kernel) const;
    bool empty() const { return by_name_.empty(); }
    /// The architecture that the code was built for; 0: none.
    int architecture() const { return architecture_; }

  private:
    int architecture_ = 0;
    std::map<std::string, resources::KernelResources> by_name_;
};

}  // namespace vitrine::predict

// The lessons that run CUDA kernels, in a build without their simulator.

#include "kernels/error.h"
#include "lab/inspect/lessons/lesson.h"

namespace vitrine::inspect {
namespace {

[[noreturn]] void refuse() {
    throw Error("this lesson runs CUDA kernels on the CPU, and this build has no device simt");
}

}  // namespace

Verdict check_sectors(const std::string&) { refuse(); }
Verdict check_barriers(const std::string&) { refuse(); }
Verdict check_tensor_cores(const std::string&) { refuse(); }

}  // namespace vitrine::inspect

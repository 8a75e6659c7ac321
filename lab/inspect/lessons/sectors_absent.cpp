// Lesson 4 in a build without the simulator of CUDA kernels.

#include "kernels/error.h"
#include "lab/inspect/lessons/lesson.h"

namespace vitrine::inspect {

Verdict check_sectors(const std::string&) {
    throw Error("this lesson runs CUDA kernels on the CPU, and this build has no device simt");
}

}  // namespace vitrine::inspect

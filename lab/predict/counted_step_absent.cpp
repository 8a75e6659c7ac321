// In a build without the simt device: see counted_step.h.

#include "kernels/error.h"
#include "lab/predict/counted_step.h"

namespace vitrine::predict {

std::vector<CountedCall> count_step(const CountedStepOptions&) {
    throw Error(
        "--predict counts what kernels do on the simt device, and this build has none: configure with "
        "-DVITRINE_SIMT=ON");
}

}  // namespace vitrine::predict

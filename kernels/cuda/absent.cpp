// Stands in for the cuda device in a build without it.

#include "kernels/devices.h"
#include "kernels/error.h"

namespace vitrine::cuda {

namespace {
[[noreturn]] void throw_absent() {
    throw Error("device cuda is not part of this build of Vitrine: choose cpu or reference");
}
}  // namespace

const KernelTable& table() { throw_absent(); }

const Runtime& runtime() { throw_absent(); }

}  // namespace vitrine::cuda

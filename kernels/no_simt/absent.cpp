// Stands in for the simt device in a build without it: that for fuzzing.

#include "kernels/devices.h"
#include "kernels/error.h"

namespace vitrine::simt {

namespace {
[[noreturn]] void throw_absent() {
    throw Error("device simt is not part of this build of Vitrine: choose cpu or reference");
}
}  // namespace

const KernelTable& table() { throw_absent(); }

const Runtime& runtime() { throw_absent(); }

}  // namespace vitrine::simt

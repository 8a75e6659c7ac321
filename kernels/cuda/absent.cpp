// Stands in for the cuda device in a build without it.

#include "kernels/cuda/nccl/join_nccl.h"
#include "kernels/cuda/vendor/available.h"
#include "kernels/device_identity.h"
#include "kernels/devices.h"
#include "kernels/unusable_device.h"

namespace vitrine::cuda {

namespace {
[[noreturn]] void throw_absent() {
    throw UnusableDevice("device cuda is not part of this build of Vitrine: choose cpu or reference",
                         "this build has no device cuda");
}
}  // namespace

const KernelTable& table() { throw_absent(); }

const Runtime& runtime() { throw_absent(); }

const Timing& timing() { throw_absent(); }

void require_usable() { throw_absent(); }

int gpu_count() { return 0; }
void choose_gpu(int) {}

const char* nccl_problem(const Collective&) { return "device cuda is not part of this build"; }
std::unique_ptr<DeviceCollective> join_nccl(Collective&, bool) { throw_absent(); }

const char* vendor::loading_problem(std::string_view library) {
    return is_gpu_library(library) ? "device cuda is not part of this build" : nullptr;
}
const char* vendor::library_problem(std::string_view library) { return loading_problem(library); }
std::string vendor::library_version(std::string_view) { return ""; }

std::string identity() { throw_absent(); }

}  // namespace vitrine::cuda

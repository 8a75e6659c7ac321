// Stands in for the simt device in a build without it (VITRINE_SIMT=OFF).

#include "kernels/cuda/nccl/join_nccl.h"
#include "kernels/cuda/vendor/available.h"
#include "kernels/device_identity.h"
#include "kernels/devices.h"
#include "kernels/error.h"
#include "kernels/simt/launch.h"

namespace vitrine::simt {
namespace {

[[noreturn]] void throw_absent() {
    throw Error(
        "device simt is not part of this build of Vitrine: build everything with 'cmake --preset release && "
        "cmake --build build/release', or choose cpu or reference");
}

}  // namespace

const KernelTable& table() { throw_absent(); }

const Runtime& runtime() { throw_absent(); }

const Timing& timing() { throw_absent(); }

void require_usable() { throw_absent(); }

int gpu_count() { return 0; }
void choose_gpu(int) {}

const char* nccl_problem(const Collective&) { return "device simt is not part of this build"; }
std::unique_ptr<DeviceCollective> join_nccl(Collective&, bool) { throw_absent(); }

void set_settings(const Settings&) {}

const Settings& settings() {
    static const Settings unused;
    return unused;
}

const char* vendor::loading_problem(std::string_view library) {
    return is_gpu_library(library) ? "device simt is not part of this build" : nullptr;
}
const char* vendor::library_problem(std::string_view library) { return loading_problem(library); }
std::string vendor::library_version(std::string_view) { return ""; }

std::string identity() { throw_absent(); }

}  // namespace vitrine::simt

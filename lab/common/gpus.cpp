// The table of GPUs.

#include "lab/common/gpus.h"

#include <algorithm>
#include <string>

#include "kernels/error.h"

namespace vitrine::tools {
namespace {

constexpr Gpu gpus[]{
    {"t4", 320e9, 8.1e12, 0.25e12, 40, 65e12, 0.0, 75, 1.46e12, 4e6, 313e-9, 1.10e-6},
    {"a10", 600e9, 31.2e12, 0.49e12, 72, 125e12, 125e12, 86, 2.47e12, 6e6, 283e-9, 1.10e-6},
    {"l4", 300e9, 30.3e12, 0.47e12, 58, 121e12, 121e12, 89, 1.74e12, 48e6, 236e-9, 0.96e-6},
    {"a100", 2039e9, 19.5e12, 9.7e12, 108, 312e12, 312e12, 80, 5.4e12, 40e6, 340e-9, 1.34e-6},
    {"rtx3090", 936e9, 35.6e12, 0.56e12, 82, 71e12, 71e12, 86, 2.82e12, 6e6, 283e-9, 1.10e-6},
    {"rtx4090", 1008e9, 82.6e12, 1.3e12, 128, 165e12, 165e12, 89, 4.75e12, 72e6, 236e-9, 0.96e-6},
    {"h100", 3000e9, 67e12, 34e12, 132, 989e12, 989e12, 90, 9.7e12, 50e6, 280e-9, 1.27e-6},
};

/// Single-precision multiply-adds that a multiprocessor does in a clock. Source: CUDA C++ Programming Guide, "Arithmetic Instructions".
int multiply_adds_a_clock(int compute_capability) { return compute_capability > 80 ? 128 : 64; }

}  // namespace

std::span<const Gpu> all_gpus() { return gpus; }

const Gpu& gpu_from_name(std::string_view name) {
    std::string names;
    for (const Gpu& gpu : gpus) {
        if (name == gpu.name) return gpu;
        names += (names.empty() ? "" : ", ") + std::string(gpu.name);
    }
    throw Error("there is no GPU called '" + std::string(name) + "' in the table: choose one of " + names);
}

double Gpu::clock() const {
    return f32 / (2.0 * multiprocessors * multiply_adds_a_clock(compute_capability));
}

double roofline_seconds(const Gpu& gpu, DType dtype, double flops, double bytes) {
    return std::max(flops / gpu.flops(dtype), bytes / gpu.bandwidth);
}

double filled_share(const Gpu& gpu, double blocks) { return std::min(1.0, blocks / gpu.multiprocessors); }

double launch_seconds(const Gpu& gpu, DType dtype, double flops, double bytes, double blocks) {
    return roofline_seconds(gpu, dtype, flops, bytes) / filled_share(gpu, blocks);
}

const char* roofline_bound(const Gpu& gpu, DType dtype, double flops, double bytes) {
    return flops / gpu.flops(dtype) > bytes / gpu.bandwidth ? "compute" : "memory";
}

}  // namespace vitrine::tools

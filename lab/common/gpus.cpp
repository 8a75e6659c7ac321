// The table of GPUs.

#include "lab/common/gpus.h"

#include <algorithm>
#include <string>

#include "kernels/error.h"

namespace vitrine::tools {
namespace {

constexpr Gpu gpus[]{
    {"t4", 320e9, 8.1e12, 0.25e12, 40, 65e12, 0.0},
    {"a10", 600e9, 31.2e12, 0.49e12, 72, 125e12, 125e12},
    {"l4", 300e9, 30.3e12, 0.47e12, 58, 121e12, 121e12},
    {"a100", 2039e9, 19.5e12, 9.7e12, 108, 312e12, 312e12},
    {"rtx3090", 936e9, 35.6e12, 0.56e12, 82, 71e12, 71e12},
    {"rtx4090", 1008e9, 82.6e12, 1.3e12, 128, 165e12, 165e12},
    {"h100", 3000e9, 67e12, 34e12, 132, 989e12, 989e12},
};

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

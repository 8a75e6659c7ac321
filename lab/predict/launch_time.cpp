// The limits of a launch: see launch_time.h.

#include "lab/predict/launch_time.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "lab/resources/report/occupancy.h"

namespace vitrine::predict {
namespace {

constexpr double lanes = 32.0;
constexpr double schedulers = 4.0;  // of a multiprocessor

double ratio(double part, double whole) { return whole > 0.0 ? part / whole : 0.0; }

int global_of(const resources::InstructionMix& mix) {
    return mix.global_loads + mix.global_stores + mix.copies;
}
int loads_of(const resources::InstructionMix& mix) { return mix.global_loads + mix.copies; }

double warps_of(const LaunchCounts& counts) {
    return counts.blocks * std::ceil(counts.block_threads / lanes);
}

/// How much more the busiest multiprocessor has to do than all on average.
double imbalance(const LaunchCounts& counts, const tools::Gpu& gpu) {
    const double share = counts.blocks / gpu.multiprocessors;
    return std::ceil(share) / share;
}

/// Multiply-adds of one instruction for tensor cores: m16n8k16 of 16 bits, m16n8k8 before Ampere and of tf32 (tensor_core.h).
double product_size(const tools::Gpu& gpu, DType precision) {
    const bool long_product = gpu.compute_capability >= 80 && precision != DType::f32;
    return 16.0 * 8.0 * (long_product ? 16.0 : 8.0);
}

/// Operations a second of tensor cores; of tf32 they do half as many as of bf16 (NVIDIA's data sheets).
double tensor_peak(const tools::Gpu& gpu, DType precision) {
    if (precision == DType::f16) return gpu.tensor_f16;
    return precision == DType::bf16 ? gpu.tensor_bf16 : gpu.tensor_bf16 / 2.0;
}

double multiply_seconds(const LaunchCounts& counts, const tools::Gpu& gpu, DType precision) {
    const double plain = 2.0 * counts.multiply_adds / gpu.flops(precision);
    return std::max(plain, ratio(2.0 * counts.tensor_multiply_adds, tensor_peak(gpu, precision)));
}

/// That a multiprocessor holds at once: as many as fit, and no more than there are.
double resident_warps(const LaunchCounts& counts, resources::KernelResources code, const tools::Gpu& gpu) {
    code.block_threads = counts.block_threads;
    code.shared_bytes += counts.dynamic_shared_bytes;
    const resources::Architecture* architecture = resources::find_architecture(gpu.compute_capability);
    const double fit = resources::occupancy(*architecture, code).blocks;
    const double held = std::min(fit, std::ceil(counts.blocks / gpu.multiprocessors));
    return held * std::ceil(counts.block_threads / lanes);
}

double latency_seconds(const LaunchCounts& counts, const resources::KernelResources& code,
                       const tools::Gpu& gpu) {
    const double busy = std::min<double>(gpu.multiprocessors, counts.blocks);
    const int in_loop = loads_of(code.code->main_loop);
    const int at_once = std::max(1, in_loop > 0 ? in_loop : loads_of(code.code->whole));
    return counts.loads / at_once / (busy * resident_warps(counts, code, gpu)) * gpu.latency;
}

/// Of a loop that has both, where warps leave products out that others make: from the multiply-adds that are left when each warp
/// has gone through the rest of the code once.
double turns_by_multiply_adds(const LaunchCounts& counts, const resources::MachineCode& code) {
    const double loop = code.main_loop.multiply_adds;
    const double rest = code.whole.multiply_adds - loop - code.tensor_loop.multiply_adds;
    return std::max(0.0, ratio(counts.multiply_adds / lanes - warps_of(counts) * rest, loop));
}

}  // namespace

const char* name_of(Bound bound) {
    constexpr const char* names[bounds]{"memory", "cache",  "latency", "multiply",
                                        "issue",  "shared", "launch"};
    return names[static_cast<size_t>(bound)];
}

double copy_bandwidth(const tools::Gpu& gpu) {
    // The H100's stands in the table as what a copy reaches.
    return std::strcmp(gpu.name, "h100") == 0 ? gpu.bandwidth : copied_share * gpu.bandwidth;
}

double LaunchTime::best() const {
    return *std::max_element(seconds.begin(), seconds.end() - 1) + of(Bound::launch);
}

double LaunchTime::worst() const {
    return std::max({of(Bound::memory), of(Bound::cache), of(Bound::latency)}) +
           std::max({of(Bound::multiply), of(Bound::issue), of(Bound::shared)}) + of(Bound::launch);
}

Bound LaunchTime::bound() const {
    return static_cast<Bound>(std::ranges::max_element(seconds) - seconds.begin());
}

double issued_instructions(const LaunchCounts& counts, const resources::MachineCode& code,
                           double multiply_adds_of_product) {
    const resources::InstructionMix& loop = code.main_loop;
    const resources::InstructionMix& inner = code.tensor_loop;
    const double products = counts.tensor_multiply_adds / multiply_adds_of_product;
    const double requests = counts.loads + counts.stores;
    const double inner_turns = ratio(products, inner.tensor);
    double turns = 0.0;
    if (loop.tensor > 0)
        turns = std::max(products / loop.tensor, turns_by_multiply_adds(counts, code));
    else if (loop.multiply_adds > 0)
        turns = std::max(0.0, counts.multiply_adds / lanes - inner_turns * inner.multiply_adds) /
                loop.multiply_adds;
    else
        turns = ratio(requests, global_of(loop));
    const double rest_global = global_of(code.whole) - global_of(loop) - global_of(inner);
    const double rest_requests =
        std::max(0.0, requests - turns * global_of(loop) - inner_turns * global_of(inner));
    const double rest_turns = rest_global > 0.0 ? rest_requests / rest_global : warps_of(counts);
    return turns * loop.all + inner_turns * inner.all + rest_turns * (code.whole.all - loop.all - inner.all);
}

LaunchTime launch_time(const LaunchCounts& counts, double bytes, const resources::KernelResources* code,
                       const tools::Gpu& gpu, DType precision) {
    LaunchTime time;
    const auto set = [&](Bound bound, double seconds) { time.seconds[static_cast<size_t>(bound)] = seconds; };
    const double clocks = gpu.multiprocessors * gpu.clock();
    const double most = imbalance(counts, gpu);
    set(Bound::memory, bytes / copy_bandwidth(gpu));
    set(Bound::cache, counts.bytes() / gpu.cache_bandwidth);
    set(Bound::multiply, most * multiply_seconds(counts, gpu, precision));
    set(Bound::shared, most * counts.shared_passes / clocks);
    set(Bound::launch, gpu.launch);
    if (code == nullptr || !code->code) return time;
    set(Bound::latency, latency_seconds(counts, *code, gpu));
    set(Bound::issue, most * issued_instructions(counts, *code->code, product_size(gpu, precision)) /
                          (schedulers * clocks));
    return time;
}

}  // namespace vitrine::predict

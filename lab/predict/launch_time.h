// The time of a launch on a GPU, worked out from what it does (counted_step.h) and from its machine code. Never a measurement.
//
// Each thing that a launch needs has a limit, and alone would take
//
//     memory    bytes, each once               / what a copy reaches
//     cache     sectors of its requests · 32   / bandwidth of the second cache
//     latency   turns in which a warp waits · latency: with w resident warps a multiprocessor and l loads in the main loop,
//               loads / (multiprocessors · w · l) of them
//     multiply  operations                     / peak of the units that do them
//     issue     instructions of warps          / (4 a clock and multiprocessor)
//     shared    passes of shared memory        / (1 a clock and multiprocessor)
//
// The last three are a multiprocessor's own: they take as long as the one with the most blocks. A launch in which everything overlaps
// takes the longest of all ("best"); one that first moves and then computes takes the longest of the first three and the longest of
// the others ("worst"). Both have the launch itself on top.
//
// Source of the waiting: Little's law, as in Volkov, "Understanding Latency Hiding on GPUs", 2016. Of issue: a multiprocessor since
// Turing has 4 schedulers with an instruction a clock each (CUDA C++ Programming Guide, "Compute Capabilities").
#pragma once

#include <array>
#include <cstddef>

#include "kernels/dtype.h"
#include "lab/common/gpus.h"
#include "lab/predict/counted_step.h"
#include "lab/resources/report/kernel_resources.h"

namespace vitrine::predict {

/// What keeps a launch from being faster.
enum class Bound : unsigned char { memory, cache, latency, multiply, issue, shared, launch };
inline constexpr size_t bounds = 7;
const char* name_of(Bound bound);

/// What a copy reaches of the bandwidth on a data sheet: an H100's 3.03 of 3.35 TB/s, taken to hold for other GPUs.
constexpr double copied_share = 0.90;
double copy_bandwidth(const tools::Gpu& gpu);

struct LaunchTime {
    std::array<double, bounds> seconds{};  // that each takes by itself

    double of(Bound bound) const { return seconds[static_cast<size_t>(bound)]; }
    double best() const;
    double worst() const;
    Bound bound() const;  // the longest
};

/// `bytes`: of memory, each once. `code`: of the same kernel for this GPU; null where it is not known, and then nothing is known
/// of latency and issue.
LaunchTime launch_time(const LaunchCounts& counts, double bytes, const resources::KernelResources* code,
                       const tools::Gpu& gpu, DType precision);

/// Instructions that its warps issue. The main loop comes as often as the products in it (or, where it has none, the requests) were
/// counted, of tensor cores or of f32, whichever is more, as a warp may leave some out; likewise a loop of tensor cores in it; the
/// rest of the code as often as requests are left for what it has of them, or once a warp.
double issued_instructions(const LaunchCounts& counts, const resources::MachineCode& code,
                           double multiply_adds_of_product);

}  // namespace vitrine::predict

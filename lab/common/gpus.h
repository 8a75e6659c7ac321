// The GPUs whose rooflines gradcheck's report and bench's predictions apply, and the time that a roofline implies.
#pragma once

#include <span>
#include <string_view>

#include "kernels/dtype.h"

namespace vitrine::tools {

/// From NVIDIA's data sheets (RTX: the white papers of GA102 and AD102), of which tensor cores' peaks are those of dense
/// matrices; the H100's bandwidth is what streaming kernels reach.
///
/// What no data sheet tells (cache, latency, launch) was measured by others: te42kyfo/gpu-benches on GitHub, of the Erlangen National High
/// Performance Computing Center, commit 1c36d50. It has an H200 (the H100's chip), an A100, an A40 (GA102: A10, RTX 3090), an
/// L40 (AD102: L4, RTX 4090) and a V100 (taken for the T4, which has half as many of nearly the same multiprocessors; its cache is in
/// the README of commit 01d2bb5 alone).
struct Gpu {
    const char* name;
    double bandwidth;  // of its memory, bytes a second
    double f32;        // operations a second, without tensor cores; a multiply-add counts as two
    double f64;
    int multiprocessors;
    double tensor_f16;   // tensor cores' products of f16, summed in f32
    double tensor_bf16;  // 0: they take none

    int compute_capability;
    /// Bytes a second from the second cache (gpu-l2-cache, of data that half of it holds; of the A40 the slope of gpu-small-kernels -graph),
    /// in proportion of multiprocessors and clocks where the GPU is not the one that was measured but for the H100.
    double cache_bandwidth;
    double cache_bytes;  // it holds (data sheets)
    /// Seconds from a load to its value, of a streaming kernel with an eighth of the threads, or a sixth (gpu-stream, "read": threads · 8
    /// bytes / bandwidth).
    double latency;
    /// Seconds that a launch takes of a graph of small kernels, beyond their traffic (gpu-small-kernels -graph: the a of a + V/b). The
    /// T4's is the A40's.
    double launch;

    /// Clocks a second, as its peak implies.
    double clock() const;

    double flops(DType dtype) const { return dtype == DType::f64 ? f64 : f32; }
};

std::span<const Gpu> all_gpus();

/// Throws Error naming the GPUs there are.
const Gpu& gpu_from_name(std::string_view name);

/// No kernel can be faster than its operations at the peak, nor than its bytes at the bandwidth.
/// Source: Williams, Waterman and Patterson, "Roofline", 2009.
double roofline_seconds(const Gpu& gpu, DType dtype, double flops, double bytes);

/// The share of the GPU's multiprocessors that a launch of so many blocks has work for: min(1, blocks / multiprocessors).
double filled_share(const Gpu& gpu, double blocks);

/// The roofline's time of a launch that has the GPU to itself: roofline_seconds / filled_share.
///
/// Assumed: a block lies on one multiprocessor and blocks are alike; and a multiprocessor has its equal part of the
/// operations and of the bandwidth. Of the operations it has no more. Of the bandwidth a single one can draw more than
/// its part while others are idle, so that a small launch may take less than this; what the multiprocessors that run
/// out of blocks first lose at the end of a large launch is left out.
double launch_seconds(const Gpu& gpu, DType dtype, double flops, double bytes, double blocks);

/// The peak that binds: "compute" or "memory".
const char* roofline_bound(const Gpu& gpu, DType dtype, double flops, double bytes);

}  // namespace vitrine::tools

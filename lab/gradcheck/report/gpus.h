// The GPUs whose rooflines the report can apply, and the time that a roofline implies.
#pragma once

#include <span>
#include <string_view>

#include "kernels/dtype.h"

namespace vitrine::gradcheck {

/// Peaks from NVIDIA's data sheets, without tensor cores; the H100's bandwidth is what streaming kernels
/// reach.
struct Gpu {
    const char* name;
    double bandwidth;  // of its memory, bytes a second
    double f32;        // operations a second; a multiply-add counts as two
    double f64;

    double flops(DType dtype) const { return dtype == DType::f64 ? f64 : f32; }
};

std::span<const Gpu> all_gpus();

/// Throws Error naming the GPUs there are.
const Gpu& gpu_from_name(std::string_view name);

/// No kernel can be faster than its operations at the peak, nor than its bytes at the bandwidth.
/// Source: Williams, Waterman and Patterson, "Roofline", 2009.
double roofline_seconds(const Gpu& gpu, DType dtype, double flops, double bytes);

/// The peak that binds: "compute" or "memory".
const char* roofline_bound(const Gpu& gpu, DType dtype, double flops, double bytes);

}  // namespace vitrine::gradcheck

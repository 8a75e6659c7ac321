// What this machine can do at best: measured, not looked up.
#pragma once

namespace vitrine::tools {

struct Peak {
    double flops = 0.0;  // f32 operations a second, all threads, fused multiply-adds on registers (two each)
    double bandwidth =
        0.0;  // bytes a second, all threads, read + written by a copy far larger than the caches
};

/// Takes about half a second.
Peak measure_peak();

}  // namespace vitrine::tools

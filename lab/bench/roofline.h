// The roofline: no op can be faster than its operations at the machine's peak, nor than its bytes at the
// memory's bandwidth. Source: Williams, Waterman and Patterson, 2009.
#pragma once

#include <algorithm>

#include "kernels/cost.h"
#include "lab/bench/peak.h"

namespace vitrine::tools {

/// The shortest time that the peaks allow.
inline double least_seconds(const Cost& cost, const Peak& peak) {
    return std::max(cost.flops / peak.flops, cost.bytes() / peak.bandwidth);
}

/// The peak that binds: "compute" or "memory".
inline const char* bound_of(const Cost& cost, const Peak& peak) {
    return cost.flops / peak.flops > cost.bytes() / peak.bandwidth ? "compute" : "memory";
}

/// 1e-9 · amount / seconds; 0 where nothing was timed.
inline double giga_per_second(double amount, double seconds) {
    return seconds > 0.0 ? 1e-9 * amount / seconds : 0.0;
}

}  // namespace vitrine::tools

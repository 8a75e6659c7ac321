// The counters of arrivals: see last_block.h.

#include "kernels/cuda/last_block.h"

#include "kernels/runtime.h"

namespace vitrine::VITRINE_GPU {
const Runtime& runtime();

unsigned* arrival_counters(int64_t count) {
    // Never released: the driver may be gone by the time that static objects are destroyed.
    static unsigned* counters = nullptr;
    static int64_t held = 0;
    if (count <= held) return counters;
    runtime().release(counters);
    counters = nullptr;
    held = 0;
    const int64_t wanted = count < 4096 ? 4096 : 2 * count;
    const size_t bytes = static_cast<size_t>(wanted) * sizeof(unsigned);
    counters = static_cast<unsigned*>(runtime().allocate(bytes));
    runtime().zero(counters, bytes);
    held = wanted;
    return counters;
}

}  // namespace vitrine::VITRINE_GPU

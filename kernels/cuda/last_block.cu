// The counters of arrivals: see last_block.h.

#include "kernels/cuda/last_block.h"

#include "kernels/runtime.h"

namespace vitrine::VITRINE_GPU {
const Runtime& runtime();

unsigned* arrival_counters(Arrivals what, int64_t count) {
    struct Counters {
        unsigned* words = nullptr;
        int64_t held = 0;
    };
    // Never released: the driver may be gone by the time that static objects are destroyed.
    static Counters all[2];
    Counters& counters = all[static_cast<size_t>(what)];
    if (count <= counters.held) return counters.words;
    runtime().release(counters.words);
    counters = {};
    const int64_t wanted = count < 4096 ? 4096 : 2 * count;
    const size_t bytes = static_cast<size_t>(wanted) * sizeof(unsigned);
    counters.words = static_cast<unsigned*>(runtime().allocate(bytes));
    runtime().zero(counters.words, bytes);
    counters.held = wanted;
    return counters.words;
}

}  // namespace vitrine::VITRINE_GPU

// The thread count of the host kernels: see threads.h.

#include "kernels/threads.h"

#include <omp.h>

#include <algorithm>
#include <atomic>

#include "kernels/cores.h"

namespace vitrine {
namespace {

std::atomic<int>& current() {
    static std::atomic<int> count = std::min(omp_get_max_threads(), usable_cores());
    return count;
}

}  // namespace

void set_threads(int count) {
    current() = count > 0 ? count : usable_cores();
    omp_set_num_threads(current());  // oneDNN's, and the executor's of CUDA kernels
}

int threads() { return current(); }

}  // namespace vitrine

// The thread count of the host kernels: see threads.h.

#include "kernels/threads.h"

#include <omp.h>

#include <atomic>

namespace vitrine {
namespace {

std::atomic<int>& current() {
    static std::atomic<int> count = omp_get_max_threads();
    return count;
}

}  // namespace

void set_threads(int count) {
    current() = count > 0 ? count : omp_get_num_procs();
    omp_set_num_threads(current());  // oneDNN's, and the executor's of CUDA kernels
}

int threads() { return current(); }

}  // namespace vitrine

// The thread count of the host kernels: OpenMP's own.

#include "kernels/threads.h"

#include <omp.h>

namespace vitrine {

void set_threads(int count) { omp_set_num_threads(count > 0 ? count : omp_get_num_procs()); }

int threads() { return omp_get_max_threads(); }

}  // namespace vitrine

// How many threads the host kernels use.
#pragma once

namespace vitrine {

/// From now on; 0 means usable_cores() (cores.h). Results do not depend on it: the same bits come out with
/// any number of threads.
void set_threads(int count);

int threads();

}  // namespace vitrine

// How many threads the host kernels use.
#pragma once

namespace vitrine {

/// From now on; 0 means one for each core that this process may run on. Results do not depend on it: the same
/// bits come out with any number of threads.
void set_threads(int count);

int threads();

}  // namespace vitrine

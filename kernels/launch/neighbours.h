// Who of the processes are on the same machine, and what they share there.
#pragma once

#include "kernels/collective.h"

namespace vitrine {

struct Neighbours {
    int number = 0;  // of this process among those of its machine, from 0
    int cores = 1;   // its share of the cores that others of them may run on, too
};

/// Called by all. A machine is a running kernel under a host name: containers with names of their own have GPUs and processor
/// time of their own.
Neighbours meet_neighbours(Collective& processes);

}  // namespace vitrine

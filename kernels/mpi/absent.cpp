// A build without MPI: see join_mpi.h.

#include <fmt/format.h>

#include "kernels/error.h"
#include "kernels/mpi/join_mpi.h"

namespace vitrine {

std::unique_ptr<Collective> join_mpi() {
    if (const int processes = launched_processes(); processes > 1)
        throw Error(
            fmt::format("launched as one of {} processes, but this build has no MPI, so that each would "
                        "train for itself: "
                        "install libopenmpi-dev or libmpich-dev and build anew, or launch one process",
                        processes));
    return nullptr;
}

}  // namespace vitrine

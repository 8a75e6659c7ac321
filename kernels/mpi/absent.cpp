// A build without MPI: see join_mpi.h.

#include <fmt/format.h>

#include "kernels/error.h"
#include "kernels/mpi/join_mpi.h"

namespace vitrine {

bool build_has_mpi() { return false; }

std::unique_ptr<Collective> join_mpi(const Launched& launched) {
    throw Error(
        fmt::format("launched by {} as one of {} processes, but this build has no MPI, so that each would "
                    "train for itself: install "
                    "libopenmpi-dev or libmpich-dev and build anew, or launch by torchrun, or with RANK, "
                    "WORLD_SIZE, MASTER_ADDR and MASTER_PORT",
                    launched.launcher, launched.processes));
}

}  // namespace vitrine

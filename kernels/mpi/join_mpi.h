// The processes that mpirun, mpiexec or srun has launched, as a Collective (kernels/collective.h) over MPI.
#pragma once

#include <memory>

#include "kernels/collective.h"

namespace vitrine {

/// Null where this process was launched by itself. Throws Error where it is one of several and this build has no MPI: each would
/// take itself for the only one. Called once, before anything that takes long; the processes part when it is destroyed.
std::unique_ptr<Collective> join_mpi();

/// How many processes a launcher's variables say there are; 1 where there are none.
int launched_processes();

}  // namespace vitrine

// The processes that mpirun, mpiexec or srun has launched, as a Collective (kernels/collective.h) over MPI.
#pragma once

#include <memory>
#include <string>

#include "kernels/collective.h"

namespace vitrine {

/// Null where this process was launched by itself. Throws Error where it is one of several that cannot find each other (no MPI in
/// this build, or another one than the launcher's): each would take itself for the only one. Called once, before anything that
/// takes long; the processes part when it is destroyed.
std::unique_ptr<Collective> join_mpi();

/// How many processes a launcher's variables say there are; 1 where there are none.
int launched_processes();

/// Why MPI cannot find the other processes, a sentence, where the launcher's variables tell; else "".
std::string why_apart();

}  // namespace vitrine

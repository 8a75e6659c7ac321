// The processes that mpirun, mpiexec or srun has launched, as a Collective (kernels/collective.h) over MPI.
#pragma once

#include <memory>

#include "kernels/collective.h"
#include "kernels/launch/launched.h"

namespace vitrine {

bool build_has_mpi();

/// Throws Error where they cannot find each other: no MPI in this build, or another one than the launcher's. The processes part when
/// it is destroyed.
std::unique_ptr<Collective> join_mpi(const Launched& launched);

}  // namespace vitrine

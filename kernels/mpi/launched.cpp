// What launchers tell the processes that they launch: see join_mpi.h.

#include <cstdlib>

#include "kernels/mpi/join_mpi.h"

namespace vitrine {

int launched_processes() {
    // Open MPI's mpirun; MPICH's, Intel's and MVAPICH's mpiexec; srun, which sets it with --mpi=pmix.
    for (const char* name : {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "PMIX_SIZE"}) {
        if (const char* text = std::getenv(name)) return std::atoi(text);
    }
    // srun without: a shell that was given several tasks has the variable too, but no process number.
    const char* const tasks = std::getenv("SLURM_STEP_NUM_TASKS");
    return tasks != nullptr && std::getenv("SLURM_PROCID") != nullptr ? std::atoi(tasks) : 1;
}

}  // namespace vitrine

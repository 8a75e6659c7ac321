// What launchers tell the processes that they launch: see join_mpi.h.

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdlib>

#include "kernels/mpi/join_mpi.h"

namespace vitrine {
namespace {

bool is_set(const char* name) { return std::getenv(name) != nullptr; }

/// Whether MPI finds the processes of a launcher.
enum class Meeting : unsigned char { by_mpi, by_pmix, never };

struct Launcher {
    const char* name;
    const char* count;   // the variable that says how many processes it has launched,
    const char* number;  // and one that only they have
    Meeting meeting;
};

/// The innermost first: on a cluster mpirun and torchrun are started by srun, and their processes have its variables, too.
constexpr std::array launchers{
    Launcher{"Open MPI's mpirun", "OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_RANK", Meeting::by_mpi},
    // MPICH's, Intel's and MVAPICH's; srun --mpi=pmi2 says it likewise.
    Launcher{"mpiexec", "PMI_SIZE", "PMI_RANK", Meeting::by_mpi},
    Launcher{"torchrun", "WORLD_SIZE", "TORCHELASTIC_RUN_ID", Meeting::never},
    Launcher{"srun", "SLURM_STEP_NUM_TASKS", "SLURM_PROCID", Meeting::by_pmix},
    Launcher{"what sets WORLD_SIZE and RANK", "WORLD_SIZE", "RANK", Meeting::never},
};

/// Null where there was none.
const Launcher* launcher() {
    const auto* const found = std::ranges::find_if(
        launchers, [](const Launcher& each) { return is_set(each.count) && is_set(each.number); });
    return found == launchers.end() ? nullptr : found;
}

}  // namespace

int launched_processes() {
    const Launcher* const by = launcher();
    return by == nullptr ? 1 : std::atoi(std::getenv(by->count));
}

std::string why_apart() {
    const Launcher* const by = launcher();
    if (by == nullptr || by->meeting == Meeting::by_mpi) return "";
    const bool by_pmix = by->meeting == Meeting::by_pmix;
    if (by_pmix && is_set("PMIX_RANK")) return "";
    return fmt::format("launched by {} as one of {} processes, which have no way to find each other: {}",
                       by->name, launched_processes(),
                       by_pmix ? "srun --mpi=pmix gives them one (srun --mpi=list says what there is)"
                               : "mpirun gives them one");
}

}  // namespace vitrine

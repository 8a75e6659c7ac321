// What launchers tell the processes that they launch: see launched.h.

#include "kernels/launch/launched.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>
#include <cstring>

#include "kernels/error.h"
#include "kernels/mpi/join_mpi.h"

namespace vitrine {
namespace {

constexpr int most_processes = 4096;

enum class Way : unsigned char { mpi, address, either };

struct Launcher {
    const char* name;
    const char* count;  // the variables that say how many processes it has launched,
    const char* rank;   // and which this one is,
    const char* mark;   // and one without which it was another launcher
    Way way;
};

/// The innermost first: on a cluster mpirun and torchrun are started by srun, and their processes have its variables, too.
constexpr std::array launchers{
    Launcher{"Open MPI's mpirun", "OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_RANK",
             Way::mpi},
    // MPICH's, Intel's and MVAPICH's; srun --mpi=pmi2 says it likewise.
    Launcher{"mpiexec", "PMI_SIZE", "PMI_RANK", "PMI_RANK", Way::mpi},
    Launcher{"torchrun", "WORLD_SIZE", "RANK", "TORCHELASTIC_RUN_ID", Way::address},
    // Whoever sets an address, too, means these, even where srun starts each process by itself.
    Launcher{"what sets RANK and WORLD_SIZE", "WORLD_SIZE", "RANK", "MASTER_ADDR", Way::address},
    Launcher{"srun", "SLURM_STEP_NUM_TASKS", "SLURM_PROCID", "SLURM_PROCID", Way::either},
    Launcher{"what sets RANK and WORLD_SIZE", "WORLD_SIZE", "RANK", "RANK", Way::address},
};

bool has_address() { return is_set("MASTER_ADDR") && is_set("MASTER_PORT"); }

/// PMIx is for MPI, and what there is without it is up to the user.
Meeting meeting_of(Way way) {
    if (way == Way::mpi) return Meeting::by_mpi;
    if (way == Way::address) return Meeting::by_address;
    if (is_set("PMIX_RANK") && (build_has_mpi() || !has_address())) return Meeting::by_mpi;
    return has_address() ? Meeting::by_address : Meeting::never;
}

/// Somebody began to set the variables by hand, and forgot one: this process would take itself for the only one.
void refuse_half_of_the_variables() {
    if (!is_set("MASTER_ADDR") || is_set("RANK") == is_set("WORLD_SIZE")) return;
    const bool has_rank = is_set("RANK");
    throw Error(
        fmt::format("MASTER_ADDR and {} are set, but {} is not: a process needs both RANK and WORLD_SIZE",
                    has_rank ? "RANK" : "WORLD_SIZE", has_rank ? "WORLD_SIZE" : "RANK"));
}

}  // namespace

bool is_set(const char* variable) { return std::getenv(variable) != nullptr; }

int number_in(const char* variable, int least, int most) {
    const char* const text = std::getenv(variable);
    if (text == nullptr)
        throw Error(
            fmt::format("{} is not set: it must be a whole number from {} to {}", variable, least, most));
    int number = 0;
    const char* const end = text + std::strlen(text);
    const auto [rest, failure] = std::from_chars(text, end, number);
    if (failure != std::errc() || rest != end || number < least || number > most)
        throw Error(fmt::format("{} is \"{}\": it must be a whole number from {} to {}", variable, text,
                                least, most));
    return number;
}

Launched launched() {
    const auto* const by = std::ranges::find_if(launchers, [](const Launcher& each) {
        return is_set(each.count) && is_set(each.rank) && is_set(each.mark);
    });
    if (by == launchers.end()) {
        refuse_half_of_the_variables();
        return {};
    }
    Launched found{.launcher = by->name, .processes = number_in(by->count, 1, most_processes)};
    found.meeting = meeting_of(by->way);
    if (found.meeting == Meeting::by_address) found.rank = number_in(by->rank, 0, found.processes - 1);
    return found;
}

}  // namespace vitrine
